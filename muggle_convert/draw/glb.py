"""Coloured points as binary glTF, which browsers and Blender open; a cloud takes two arrays and a few lines of JSON, so no library is asked.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.colours import Colours

FLOAT, BYTE, POINTS = 5126, 5121, 0  # how the specification numbers them
LINEAR_FROM = 0.04045  # below it, the curve of sRGB is a line


def write_points(file: BinaryIO, points: npt.NDArray[np.float32], colours: Colours, comments: list[str]) -> None:
    """(N, 3) coordinates, x right, y up and z towards the viewer, and (N, 3) colours as pictures have them."""
    positions = np.ascontiguousarray(points, "<f4")
    shades = np.full((len(points), 4), 255, np.uint8)  # every vertex has to begin at a multiple of four bytes
    shades[:, :3] = _linear()[colours]
    body = positions.tobytes() + shades.tobytes()
    places = {"buffer": 0, "byteOffset": 0, "byteLength": positions.nbytes}
    paint = {"buffer": 0, "byteOffset": positions.nbytes, "byteLength": shades.nbytes}
    lowest, highest = (found.tolist() for found in (positions.min(axis=0), positions.max(axis=0)))
    document = {
        "asset": {"version": "2.0", "generator": "muggle-convert", "extras": {"comments": comments}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"mode": POINTS, "attributes": {"POSITION": 0, "COLOR_0": 1}}]}],
        "accessors": [
            {"bufferView": 0, "componentType": FLOAT, "count": len(points), "type": "VEC3", "min": lowest, "max": highest},
            {"bufferView": 1, "componentType": BYTE, "normalized": True, "count": len(points), "type": "VEC4"},
        ],
        "bufferViews": [places, paint],
        "buffers": [{"byteLength": len(body)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(body)))
    file.write(struct.pack("<I4s", len(text), b"JSON") + text)
    file.write(struct.pack("<I4s", len(body), b"BIN\0") + body)


def _linear() -> npt.NDArray[np.uint8]:
    """Of each shade of sRGB the share of light, from 0 to 255: the colours of glTF's vertices are linear."""
    shade = np.arange(256) / 255
    light = np.where(shade <= LINEAR_FROM, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return (255 * light).round().astype(np.uint8)
