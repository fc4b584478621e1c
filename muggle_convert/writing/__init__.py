"""Carrying out a plan: the source is read once, and the converted file appears whole or not at all."""
