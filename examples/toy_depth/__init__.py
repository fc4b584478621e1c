"""A small depth network trained on rendered scenes, so that the project has a model it may ship."""
