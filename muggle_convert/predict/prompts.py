"""What a network is shown beside a picture: a map of measured depth, from an array or a file to metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from muggle_convert.errors import Refusal
from muggle_convert.predict.measured import Metres, read_metres

SUFFIXES = (".png", ".npy")
MILLIMETRES = 1000  # in a metre; steps of a 16-bit PNG

Prompt = Union[str, Path, npt.NDArray[Any]]


def read_prompt(prompt: Prompt) -> Metres:
    """Metres, from an array of them, a .npy that holds one, or a 16-bit PNG of millimetres. What a network demands of their range, it says itself."""
    if isinstance(prompt, (str, Path)):
        return read_metres(Path(prompt), MILLIMETRES)
    if not isinstance(prompt, np.ndarray):
        raise Refusal(f"a prompt is a path or an array of metres, not {type(prompt).__name__}.")
    if prompt.ndim != 2 or prompt.dtype.kind not in "fiu" or not prompt.size:
        raise Refusal(f"the prompt holds {prompt.dtype} of shape {prompt.shape}; it is metres, numbers in (height, width).")
    if prompt.dtype.kind in "iu":
        raise Refusal(f"the prompt holds whole numbers ({prompt.dtype}), and nothing says what a step of them is; divide them into metres.")
    return prompt.astype(np.float32)
