"""Weights from elsewhere and to elsewhere: the Hugging Face Hub, and the zoo of published checkpoints."""
