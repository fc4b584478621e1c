"""A picture and its depth as coloured points in space, in the format that MeshLab and Blender open."""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.colours import Colours
from muggle_convert.draw.scales import Scale
from muggle_convert.outputs import Prediction

POINT = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("colours", "u1", 3)]
ROWS = 64  # of pixels, written at a time
NEAREST, FARTHEST = 1.0, 10.0  # the range given to relative depth, which has no scale of its own


def write_ply(file: BinaryIO, picture: Colours, prediction: Prediction, scale: Scale, field_of_view: float) -> None:
    """One point for each pixel: x points right, y up, and the camera looks along -z from the origin."""
    height, width = prediction.shape
    away = distances(prediction, scale)
    focal = max(height, width) / 2 / math.tan(math.radians(field_of_view) / 2)  # in pixels; the angle spans the longer side
    across = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / focal
    down = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / focal
    kept = np.isfinite(away)
    unit = (
        "metres"
        if scale.distance.in_metres
        else f"no unit: relative depth, the nearest points put at {NEAREST:g} and the farthest at {FARTHEST:g}"
    )
    file.write(
        _header(int(np.count_nonzero(kept)), [f"coordinates in {unit}", f"field of view {field_of_view:g} degrees, as assumed"]).encode()
    )
    for top in range(0, height, ROWS):
        part = slice(top, top + ROWS)
        points = np.empty(away[part].shape, POINT)
        points["x"], points["y"], points["z"] = away[part] * across, -away[part] * down[part, None], -away[part]
        points["colours"] = picture[part]
        file.write(points.tobytes() if kept[part].all() else points[kept[part]].tobytes())


def write_points(file: BinaryIO, points: npt.NDArray[np.float32], colours: Colours, comments: list[str]) -> None:
    """(N, 3) coordinates in the same axes, and (N, 3) colours."""
    rows = np.empty(len(points), POINT)
    rows["x"], rows["y"], rows["z"] = points.T
    rows["colours"] = colours
    file.write(_header(len(rows), comments).encode())
    file.write(rows.tobytes())


def distances(prediction: Prediction, scale: Scale) -> npt.NDArray[np.float32]:
    """How far each pixel is along the viewing direction: in metres, or between two arbitrary distances."""
    if scale.distance.in_metres:
        return prediction.astype(np.float32)
    near: npt.NDArray[np.float32] = np.clip(scale.share(prediction), 0, 1).astype(np.float32)
    if scale.distance.is_inverse:
        return np.float32(1) / (1 / FARTHEST + near * np.float32(1 / NEAREST - 1 / FARTHEST))
    return FARTHEST + near * np.float32(NEAREST - FARTHEST)


def _header(count: int, comments: list[str]) -> str:
    properties = [f"property float {axis}" for axis in "xyz"] + [f"property uchar {colour}" for colour in ("red", "green", "blue")]
    remarks = [f"comment {comment}" for comment in comments]
    return "\n".join(["ply", "format binary_little_endian 1.0", *remarks, f"element vertex {count}", *properties, "end_header", ""])
