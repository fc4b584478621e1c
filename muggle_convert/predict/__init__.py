"""Pictures in, predictions out: everything between a photograph and a network, and between a prediction and a file."""
