"""Triangles between neighbouring pixels that belong together, by the same rule as on the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.relief import Distances, Relief
from muggle_convert.errors import Refusal

MOST = 1 << 20  # points; of more pixels every second row and column is taken, or every third
OUTLIER = 50  # times the middle distance; what is farther, such as a sky in metres, would make everything else small
CUT = 0.0182  # by which share neighbours may differ at most, where there are so many columns:
COLUMNS = 1000  # with fewer, they are farther apart, and their depth changes more between them

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Mesh:
    """x points right, y up, and the camera looks along -z from the origin."""

    points: npt.NDArray[np.float32]  # (N, 3)
    places: npt.NDArray[np.float32]  # (N, 2), in the picture: to the right and down, from 0 to 1
    faces: Numbers  # (M, 3), numbers of points, counterclockwise as the camera sees them


def mesh_of(relief: Relief) -> Mesh:
    height, width = relief.away.shape
    step = math.ceil(math.sqrt(height * width / MOST))
    away = np.where(relief.is_there, relief.away, 0)[::step, ::step]
    if (away > 0).any():
        away = np.where(away < OUTLIER * np.median(away[away > 0]), away, 0)
    faces = _triangles(away)
    if not len(faces):
        raise Refusal("its depth jumps between all neighbouring pixels, so that no surface is left; write points with --format ply.")
    used = np.zeros(away.size, bool)
    used[faces.ravel()] = True
    numbers = np.cumsum(used, dtype=np.int32) - 1
    across, down = relief.camera.rays(height, width, step)
    whole = np.stack([away * across, -away * down[:, None], -away], axis=-1)
    rows, columns = np.divmod(np.flatnonzero(used), away.shape[1])
    places = np.stack([(columns * step + 0.5) / width, (rows * step + 0.5) / height], axis=-1)
    return Mesh(whole.reshape(-1, 3)[used], places.astype(np.float32), numbers[faces])


def _triangles(away: Distances) -> Numbers:
    """Two for every four pixels, where no corner is missing or belongs to something else; 0 is missing."""
    numbers = np.arange(away.size, dtype=np.int32).reshape(away.shape)
    first, right, below, last = (
        (slice(-1), slice(-1)),
        (slice(-1), slice(1, None)),
        (slice(1, None), slice(-1)),
        (slice(1, None), slice(1, None)),
    )
    most = 1 + CUT * COLUMNS / away.shape[1]
    found = []
    for corners in ((first, below, right), (right, below, last)):
        depths = [away[corner] for corner in corners]
        least = np.minimum(np.minimum(*depths[:2]), depths[2])
        whole = (least > 0) & (np.maximum(np.maximum(*depths[:2]), depths[2]) <= most * least)
        found.append(np.stack([numbers[corner][whole] for corner in corners], axis=-1))
    return np.concatenate(found)
