"""Weights from other places: the Hugging Face Hub, and the zoo of published checkpoints."""
