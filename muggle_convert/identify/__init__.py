"""From a checkpoint to what it is: family, layout, configuration, and the evidence for each."""
