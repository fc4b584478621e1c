"""Which way every surface faces, as colours."""

from __future__ import annotations

import numpy as np

from muggle_convert.draw.colours import Colours
from muggle_convert.draw.relief import Distances, Relief

ROWS = 64  # at a time, which saves memory


def normal_map(relief: Relief) -> Colours:
    """As OpenGL has them: red, green and blue are right, up and towards the viewer, from -1 at 0 to 1 at 255; 128 all over is no direction."""
    height, width = relief.away.shape
    colours = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, ROWS):
        first = max(0, top - 1)  # slopes need the rows around
        found = normals_of(relief, slice(first, top + ROWS + 1))[top - first :][:ROWS]
        colours[top : top + ROWS] = np.rint(127.5 * found + 127.5)
    return colours


def normals_of(relief: Relief, rows: slice = slice(None)) -> Distances:
    """(rows, width, 3) of length one: to the right, up and towards the viewer; zero where nothing is known.

    In inverse depth every plane is linear over the picture, so that its slopes give the plane, also with few pixels: n . (u, v, 1) = 1 / depth.
    """
    across, down = relief.camera.rays(*relief.away.shape)
    away, down = relief.away[rows], down[rows]
    there = np.isfinite(away) & (away > 0)
    inverse = np.where(there, 1 / np.where(there, away, 1), np.nan).astype(np.float32)
    along = _slope(inverse, axis=1) * np.float32(relief.camera.across)
    below = _slope(inverse, axis=0) * np.float32(relief.camera.down)
    found = np.stack([-along, below, inverse - across * along - down[:, None] * below], axis=-1)
    length = np.linalg.norm(found, axis=-1, keepdims=True)
    known = np.isfinite(length) & (length > 0)
    return np.where(known, found / np.where(known, length, 1), 0).astype(np.float32)


def _slope(values: Distances, axis: int) -> Distances:
    """From each pixel to the next, on the side where less changes: no slope leads from one thing to another."""
    steps = np.diff(values, axis=axis)
    nothing = np.full_like(steps[:, :1] if axis else steps[:1], np.nan)
    if not nothing.size:
        return np.zeros_like(values)  # one row, or one column
    before, after = np.concatenate([nothing, steps], axis), np.concatenate([steps, nothing], axis)
    middle = (before + after) / 2
    sizes = np.nan_to_num(np.abs([before, after]), nan=np.inf)
    less = np.where(sizes[0] <= sizes[1], before, after)
    alike = sizes.max(axis=0) <= 2 * sizes.min(axis=0)
    chosen = np.where(alike, middle, less)
    return np.where(np.isfinite(chosen) | ~np.isfinite(values), chosen, 0).astype(np.float32)  # what has no neighbour faces the camera
