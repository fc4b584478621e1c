"""Predictions and networks as pictures and files."""
