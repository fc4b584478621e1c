"""Depth and networks as pictures that people look at."""
