"""From a path to a `Checkpoint`: what is in the file, without torch and without running anything it says.

Here are the values that code passes around. Files are opened by `opening`, and tensors read by `tensor_bytes`.
"""

from muggle_convert.checkpoints.checkpoint import Checkpoint, NamedTensor, Record, TensorEntry
from muggle_convert.checkpoints.element_types import NUMPY_KINDS, DType
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.safe_text import printable, shown

__all__ = ["NUMPY_KINDS", "Checkpoint", "DType", "Limits", "NamedTensor", "Record", "TensorEntry", "printable", "shown"]
