"""Arrays and tensors as pictures: which of their sides are which, and what their numbers mean, as far as shape, type and values tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 256  # converted at a time
CHANNELS = (1, 3, 4)  # grey, colours, colours and how much of them is seen
BLACK = 16  # of 255; a picture that is nowhere brighter shows nothing
AS_IT_IS = "uint8 of shape (height, width, 3) with values from 0 to 255 in the order red, green, blue"


def is_tensor(picture: object) -> TypeGuard[Tensor]:
    """Without importing torch, which whoever holds a tensor has done."""
    return type(picture).__module__.startswith("torch") and hasattr(picture, "detach")


def from_tensor(tensor: Tensor) -> npt.NDArray[np.uint8]:
    """(3, height, width), as torch has pictures, on any device -> (height, width, 3)."""
    shape = tuple(tensor.shape)
    if tensor.ndim not in (2, 3) or (tensor.ndim == 3 and shape[0] not in CHANNELS):
        raise Refusal(
            f"a tensor of shape {shape} is not a picture; a tensor holds one as (3, height, width), and an array as (height, width, 3)."
        )
    there = tensor.detach().cpu()
    array: npt.NDArray[Any] = (there.float() if there.is_floating_point() else there).numpy()
    return from_array(array if array.ndim == 2 else array.transpose(1, 2, 0))


def from_array(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(height, width), (height, width, 1), (height, width, 3) or (height, width, 4) -> (height, width, 3), from 0 to 255.

    Transparency is ignored: these are the stored colours, as the original code reads them.
    """
    if not _is_picture(array):
        raise Refusal(f"an array of {array.dtype} with shape {array.shape} is not a picture; pass {AS_IT_IS}, or a PIL image.")
    scale = _scale(array)
    samples = array[..., None] if array.ndim == 2 else array[..., :3]
    if scale is not None:
        eight = np.empty(samples.shape, np.uint8)
        for top in range(0, len(samples), ROWS):  # no second copy of a large picture
            eight[top : top + ROWS] = np.rint(samples[top : top + ROWS] * scale)
        samples = eight
    return samples if samples.shape[2] == 3 else samples.repeat(3, axis=2)


def _is_picture(array: npt.NDArray[Any]) -> bool:
    """Three rows of pixels with transparency are rather colours that come first, as torch has them."""
    is_shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in CHANNELS)
    is_colours_first = array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3
    return is_shaped and not is_colours_first and bool(array.size) and array.dtype.kind in "fu"


def _scale(array: npt.NDArray[Any]) -> float | None:
    """What brings the numbers to 0 to 255; None where they are that already."""
    if array.dtype == np.uint8:
        return None
    lowest, highest = float(array.min()), float(array.max())
    if array.dtype == np.uint16:
        if highest > 255 or not highest:
            return 255 / 65535
        raise Refusal(
            f"a picture of uint16 goes from 0 to 65535, and this one from {lowest:g} to {highest:g}, as one of eight bits does; pass "
            "picture.astype(numpy.uint8) if it is that."
        )
    if array.dtype.kind == "f" and lowest >= 0 and highest <= 1:
        return 255.0
    if array.dtype.kind == "f" and lowest >= 0 and BLACK < highest <= 255:
        return 1.0
    raise Refusal(
        f"the picture holds {array.dtype} from {lowest:g} to {highest:g}, which is neither 0 to 1 nor 0 to 255; bring it to one of them, or pass "
        f"{AS_IT_IS} (what is normalised already goes through model(tensor))."
    )
