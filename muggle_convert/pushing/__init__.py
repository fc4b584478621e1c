"""Putting a converted model where others find it."""
