"""Two pictures, one for each eye, out of one picture and its depth.

Half of the shift goes to each eye, so that neither has to see much that no picture shows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.colours import Colours
from muggle_convert.draw.relief import Distances, Relief

WIDEST = 1 / 30  # of the width: how much farther apart the eyes see the farthest than the nearest, as stereo photographers keep to
WINDOW = 0.5  # the closeness of what both eyes see in the same place; what is nearer stands before the picture
EDGE = 1 / 250  # of the width: how far from an edge networks may blur it
RIM = 0.3  # of the way from far to near: what is nearer than that belongs to what is near
JUMP = 1.5  # pixels: where shifts differ by more, something behind comes into sight
ROWS = 64  # at a time
GREY = np.array([0.299, 0.587, 0.114], np.float32)


def side_by_side(picture: Colours, relief: Relief) -> Colours:
    """(height, 2 * width, 3): what the left eye sees, on the left, beside what the right eye sees."""
    return np.concatenate(eyes(picture, relief), axis=1)


def anaglyph(picture: Colours, relief: Relief) -> Colours:
    """For glasses with red before the left eye and cyan before the right: red is how bright the left eye sees it, which spares the eyes a contest of
    colours."""
    left, right = eyes(picture, relief)
    seen = right.copy()
    seen[..., 0] = np.rint(left @ GREY)
    return seen


def eyes(picture: Colours, relief: Relief) -> tuple[Colours, Colours]:
    height, width = picture.shape[:2]
    shifts = _sharpened((relief.closeness - np.float32(WINDOW)) * np.float32(WIDEST * width / 2), math.ceil(EDGE * width))
    left, right = np.empty_like(picture), np.empty_like(picture)
    for top in range(0, height, ROWS):
        part = slice(top, top + ROWS)
        left[part] = _moved(picture[part], shifts[part])
        right[part] = _moved(picture[part, ::-1], shifts[part, ::-1])[:, ::-1]  # to the left is to the right in a mirror
    return left, right


def _sharpened(shifts: Distances, reach: int) -> Distances:
    """Near jumps, nothing stays between near and far, as it does where a network blurs an edge; and what is near grows, so that it keeps its rim."""
    least, most = (_spread(shifts, reach, choose) for choose in (np.minimum, np.maximum))
    snapped = np.where(shifts > least + RIM * (most - least), most, least)
    return _spread(np.where(most - least > JUMP, snapped, shifts), math.ceil(reach / 3), np.maximum)


def _spread(values: Distances, reach: int, choose: np.ufunc) -> Distances:
    """The least, or the most, of each square that reaches so far in all directions."""
    for axis in (0, 1):
        done = 0
        while done < reach:
            step = min(2 * done + 1, reach - done)
            ahead, behind = (np.moveaxis(values, axis, 0)[part] for part in (slice(step, None), slice(None, -step)))
            spread = np.moveaxis(values.copy(), axis, 0)
            choose(spread[step:], behind, out=spread[step:])
            choose(spread[:-step], ahead, out=spread[:-step])
            values, done = np.moveaxis(spread, 0, axis), done + step
    return values


def _moved(picture: Colours, shifts: Distances) -> Colours:
    """Every pixel moved to the right by its shift, near ones over far ones; what comes into sight continues what is farther."""
    height, width = shifts.shape
    columns = np.arange(width, dtype=np.int32)
    rows = np.arange(height)[:, None]
    target = np.rint(columns + shifts).astype(np.int32)
    inside = (target >= 0) & (target < width)
    seen = np.full((height, width), width, np.int32)  # the column whose pixel comes to each place; the width for none
    # Of two that come to one place, the one from farther left was moved more, and is nearer.
    np.minimum.at(seen.reshape(-1), (rows * width + target)[inside], np.broadcast_to(columns, shifts.shape)[inside])
    is_seen = seen < width
    left = np.maximum.accumulate(np.where(is_seen, columns, -1), axis=1)
    right = np.minimum.accumulate(np.where(is_seen, columns, width)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left).clip(0, width - 1), np.where(right == width, left, right).clip(0, width - 1)
    from_left, from_right = (shifts[rows, seen[rows, side].clip(0, width - 1)] for side in (left, right))
    share = (columns - left) / np.maximum(right - left, 1)
    between = columns - (from_left + share * (from_right - from_left))  # one surface, stretched
    edge = np.where(from_left <= from_right, left - 1, right + 1)  # of what is farther, and is continued as in a mirror
    mirrored = 2 * edge - columns - np.minimum(from_left, from_right)
    source = np.where(np.abs(from_left - from_right) > JUMP, mirrored, between)
    return _sampled(picture, source)


def _sampled(picture: Colours, source: npt.NDArray[np.floating]) -> Colours:
    """Between two pixels of a row, linearly; beyond its ends as in a mirror."""
    last = picture.shape[1] - 1
    inside = last - np.abs(last - np.abs(source))
    first = np.floor(inside).astype(np.intp).clip(0, max(last - 1, 0))
    share = (inside - first).clip(0, 1)[..., None].astype(np.float32)
    rows = np.arange(len(picture))[:, None]
    mixed = picture[rows, first] * (1 - share) + picture[rows, np.minimum(first + 1, last)] * share
    pixels: Colours = np.rint(mixed).astype(np.uint8)
    return pixels
