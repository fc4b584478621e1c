"""Files of measured distances, as sensors and data sets give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.checkpoints.source_file import reason_of
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import LARGEST, opened

MAGIC = b"\x93NUMPY"

Metres = npt.NDArray[np.float32]  # (height, width)


def read_metres(path: Path, steps: float | None) -> Metres:
    """A .npy holds metres as they are, a 16-bit PNG in so many steps to a metre."""
    try:
        if path.suffix.lower() == ".npy":
            stored = _array(path)
        else:
            with opened(path) as image:
                stored = _grey(image, path, steps)
    except Refusal:
        raise
    except Exception as problem:  # a decoder may fail in any way on a damaged file
        reason = reason_of(problem) if isinstance(problem, OSError) else printable(" ".join(str(problem).split()))
        raise Refusal(f"{printable(path.name)} cannot be read as distances ({reason}); they are a .npy or a 16-bit PNG.") from None
    if stored.ndim != 2 or stored.dtype.kind not in "fiu":
        raise Refusal(f"{printable(path.name)} holds {stored.dtype} of shape {stored.shape}; distances are numbers in (height, width).")
    return stored.astype(np.float32)


def _array(path: Path) -> npt.NDArray[Any]:
    """Mapped, which is refused where the file is shorter than its header has it."""
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as such a file does")
        stored: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if stored.size > LARGEST:
        raise Refusal(f"{printable(path.name)} holds {stored.size:,} numbers, more than the limit of {LARGEST:,}; scale it down.")
    return stored


def _grey(image: Image.Image, path: Path, steps: float | None) -> npt.NDArray[np.float32]:
    if steps is None:
        raise Refusal(f"nothing says what a step of {printable(path.name)} is; pass --dataset kitti (1/256 m) or --dataset nyu (1 mm).")
    if not image.mode.startswith("I"):
        raise Refusal(f"{printable(path.name)} is a picture in mode {image.mode}; distances are 16-bit grey.")
    return np.asarray(image).astype(np.float32) / np.float32(steps)
