"""From whatever holds a checkpoint to a network that predicts, and knows what it came from."""

from muggle_convert.loading.load_any_dpt import load_any_dpt

__all__ = ["load_any_dpt"]
