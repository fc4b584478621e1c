"""Pictures in, depth out: what stands between a file with a photograph and a network, and between a prediction and a file people look at."""
