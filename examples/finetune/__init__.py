"""Trains any converted model further, on measured distances."""
