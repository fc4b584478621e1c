"""The size a picture is brought to before a network sees it: the rule of its training, rounded as training rounded."""

from __future__ import annotations

import math
from numbers import Integral

from model_defs.config import ImageConfig
from muggle_convert.errors import Refusal

Size = tuple[int, int]  # rows and columns of pixels

WIDE = 1.777  # sides in this ratio, 16:9 as the original rounds it, have the area to which those of wider pictures are brought
LARGEST, USUAL = 1 << 24, 1 << 20  # pixels that no network is fed, and that any is
LONGEST = 8  # between the two, times as many pixels as in training; attention to all of a long sliver would not end


def input_size(image: ImageConfig, picture: Size, size: int | None = None) -> Size:
    """Rows and columns of the network's input for a picture; `size` is the resolution to work at instead of the one in training."""
    return steps_of(image, picture, size)[-1]


def steps_of(image: ImageConfig, picture: Size, size: int | None = None) -> list[Size]:
    """All sizes that a picture is brought to, one after the other; the last is that of the network's input."""
    wanted = _wanted(image, picture, size)
    scales = [goal / side for goal, side in zip(wanted, picture, strict=True)]
    if image.keep_aspect:
        scales = [_common(scales, image.fit)] * 2
    down, across = (scale * side for scale, side in zip(scales, picture, strict=True))
    if image.fit == "longest":
        scaled = max(1, round(down)), max(1, round(across))
        steps = [scaled, (_nearest(scaled[0], image.multiple), _nearest(scaled[1], image.multiple))]
    else:
        steps = [(_rounded(down, image, wanted[0]), _rounded(across, image, wanted[1]))]
    rows, columns = steps[-1]
    in_training = math.prod(max(goal, image.multiple) for goal in wanted)
    if rows * columns > min(LARGEST, max(USUAL, LONGEST * in_training)):
        raise Refusal(
            f"a picture of {picture[1]} x {picture[0]} pixels would be fed to the network as {columns} x {rows}, which is too large for it; "
            "crop it, or pass a smaller size."
        )
    return steps


def margins(image: ImageConfig, picture: Size) -> Size:
    """How many rows of its reflection go above and below a picture, and how many columns beside it."""
    rows, columns = (int(image.reflected * math.sqrt(side / 2)) for side in picture)
    return rows, columns


def _wanted(image: ImageConfig, picture: Size, size: int | None) -> Size:
    across = image.size_across or image.size
    if size is not None:
        size = _whole(size, image)
    ratio = max(picture) / min(picture)
    if image.widest is not None and ratio > image.widest:
        steps = int((size or image.size) * WIDE / ratio) / image.multiple
        size = max(round(steps), 1) * image.multiple
    if size is None:
        return image.size, across
    return size, round(size * across / image.size)


def _whole(size: object, image: ImageConfig) -> int:
    """A number of pixels, also one of NumPy's."""
    if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
        raise Refusal(f"size is {size!r}; a whole number of pixels is needed, such as {image.size}.")
    return int(size)


def _common(scales: list[float], fit: str) -> float:
    """The one scale for both sides, rows first."""
    if fit in ("at least", "at least, up"):
        return max(scales)
    if fit in ("at most", "longest"):
        return min(scales)
    if fit == "no larger":
        return min(1.0, *scales)
    rows, columns = scales
    if fit == "across":
        return columns
    return columns if abs(1 - columns) < abs(1 - rows) else rows


def _rounded(side: float, image: ImageConfig, goal: int) -> int:
    """The nearest multiple that keeps to the rule (of two equally near ones, the even one), and at least one, however thin the picture is."""
    if image.fit == "at least, up":
        return max(math.ceil(int(side) / image.multiple) * image.multiple, image.multiple)
    steps = side / image.multiple
    rounded = round(steps) * image.multiple
    if image.fit == "no larger" or (image.fit == "at most" and rounded > goal):
        rounded = math.floor(steps) * image.multiple
    if image.fit == "at least" and rounded < goal:
        rounded = math.ceil(steps) * image.multiple
    return max(rounded, image.multiple)


def _nearest(side: int, multiple: int) -> int:
    """Of two equally near ones the larger, and at least one."""
    return max(multiple, (side + multiple // 2) // multiple * multiple)
