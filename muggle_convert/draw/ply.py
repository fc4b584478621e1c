"""A picture and its depth as coloured points in space, or as a surface of them, in the format that MeshLab and Blender open."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.colours import Colours
from muggle_convert.draw.mesh import mesh_of
from muggle_convert.draw.relief import Relief

POINT = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("colours", "u1", 3)]
FACE = [("corners", "u1"), ("numbers", "<i4", 3)]
ROWS = 64  # of pixels, written at a time


def write_pixels(file: BinaryIO, picture: Colours, relief: Relief) -> None:
    """One point for each pixel that has a place: x points right, y up, and the camera looks along -z from the origin."""
    away, kept = relief.away, relief.is_there
    across, down = relief.camera.rays(*away.shape)
    file.write(_header(int(np.count_nonzero(kept)), relief.comments).encode())
    for top in range(0, len(away), ROWS):
        part = slice(top, top + ROWS)
        points = np.empty(away[part].shape, POINT)
        points["x"], points["y"], points["z"] = away[part] * across, -away[part] * down[part, None], -away[part]
        points["colours"] = picture[part]
        file.write(points.tobytes() if kept[part].all() else points[kept[part]].tobytes())


def write_mesh(file: BinaryIO, picture: Colours, relief: Relief) -> None:
    """The points that triangles use, coloured, and the triangles; cut where depth jumps."""
    mesh = mesh_of(relief)
    height, width = picture.shape[:2]
    columns, rows = (mesh.places * (width, height)).astype(np.intp).T
    points, faces = np.empty(len(mesh.points), POINT), np.empty(len(mesh.faces), FACE)
    points["x"], points["y"], points["z"] = mesh.points.T
    points["colours"] = picture[rows, columns]
    faces["corners"], faces["numbers"] = 3, mesh.faces
    file.write(_header(len(points), relief.comments, len(faces)).encode())
    file.write(points.tobytes() + faces.tobytes())


def write_points(file: BinaryIO, points: npt.NDArray[np.float32], colours: Colours, comments: list[str]) -> None:
    """(N, 3) coordinates in the same axes, and (N, 3) colours."""
    rows = np.empty(len(points), POINT)
    rows["x"], rows["y"], rows["z"] = points.T
    rows["colours"] = colours
    file.write(_header(len(rows), comments).encode())
    file.write(rows.tobytes())


def _header(count: int, comments: list[str], faces: int = 0) -> str:
    properties = [f"property float {axis}" for axis in "xyz"] + [f"property uchar {colour}" for colour in ("red", "green", "blue")]
    remarks = [f"comment {comment}" for comment in comments]
    triangles = [f"element face {faces}", "property list uchar int vertex_indices"] if faces else []
    return "\n".join(
        ["ply", "format binary_little_endian 1.0", *remarks, f"element vertex {count}", *properties, *triangles, "end_header", ""]
    )
