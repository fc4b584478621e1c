"""Coloured points, and surfaces in their picture, as binary glTF, which browsers and Blender open; both take a few arrays and a few lines of JSON,
so no library is asked.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from muggle_convert.draw.colours import Colours
from muggle_convert.draw.mesh import mesh_of
from muggle_convert.draw.relief import Pinhole, Relief

FLOAT, UNSIGNED, BYTE, POINTS = 5126, 5125, 5121, 0  # how the specification numbers them
VERTICES, ELEMENTS, CLAMPED = 34962, 34963, 33071
LINEAR_FROM = 0.04045  # below it, the curve of sRGB is a line
JPEG = 92  # quality


def write_points(file: BinaryIO, points: npt.NDArray[np.float32], colours: Colours, comments: list[str]) -> None:
    """(N, 3) coordinates, x right, y up and z towards the viewer, and (N, 3) colours as pictures have them."""
    positions = np.ascontiguousarray(points, "<f4")
    shades = np.full((len(points), 4), 255, np.uint8)  # every vertex has to begin at a multiple of four bytes
    shades[:, :3] = _linear()[colours]
    document = {
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"mode": POINTS, "attributes": {"POSITION": 0, "COLOR_0": 1}}]}],
        "accessors": [
            _positions(positions),
            {"bufferView": 1, "componentType": BYTE, "normalized": True, "count": len(points), "type": "VEC4"},
        ],
    }
    _write(file, document, [positions.tobytes(), shades.tobytes()], {}, comments)


def write_mesh(file: BinaryIO, picture: Colours, relief: Relief) -> None:
    """A surface, cut where depth jumps, with the whole picture on it and the camera before it. Light changes nothing: the picture has its own."""
    mesh = mesh_of(relief)
    positions, faces = np.ascontiguousarray(mesh.points, "<f4"), mesh.faces.astype("<u4")
    texture = BytesIO()
    Image.fromarray(picture).save(texture, "jpeg", quality=JPEG)
    document = {
        "extensionsUsed": ["KHR_materials_unlit"],
        "nodes": [{"mesh": 0, "name": "picture"}, {"camera": 0, "name": "camera"}],
        "cameras": [{"type": "perspective", "perspective": _perspective(relief.camera, picture)}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [
            {
                "doubleSided": True,
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 1},
                "extensions": {"KHR_materials_unlit": {}},
            }
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"wrapS": CLAMPED, "wrapT": CLAMPED}],
        "images": [{"bufferView": 3, "mimeType": "image/jpeg"}],
        "accessors": [
            _positions(positions),
            {"bufferView": 1, "componentType": FLOAT, "count": len(mesh.places), "type": "VEC2"},
            {"bufferView": 2, "componentType": UNSIGNED, "count": faces.size, "type": "SCALAR"},
        ],
    }
    parts = [positions.tobytes(), mesh.places.astype("<f4").tobytes(), faces.tobytes(), texture.getvalue()]
    _write(file, document, parts, {0: VERTICES, 1: VERTICES, 2: ELEMENTS}, relief.comments)


def _positions(positions: npt.NDArray[np.float32]) -> dict[str, Any]:
    lowest, highest = (found.tolist() for found in (positions.min(axis=0), positions.max(axis=0)))
    return {"bufferView": 0, "componentType": FLOAT, "count": len(positions), "type": "VEC3", "min": lowest, "max": highest}


def _perspective(camera: Pinhole, picture: Colours) -> dict[str, float]:
    height, width = picture.shape[:2]
    return {"yfov": 2 * math.atan(height / 2 / camera.down), "aspectRatio": width / camera.across * camera.down / height, "znear": 0.01}


def _write(file: BinaryIO, document: Mapping[str, Any], parts: Sequence[bytes], targets: Mapping[int, int], comments: list[str]) -> None:
    """Each part is a view of the one buffer, and begins at a multiple of four bytes."""
    padded = [part + b"\0" * (-len(part) % 4) for part in parts]
    views, before = [], 0
    for number, part in enumerate(parts):
        target = {"target": targets[number]} if number in targets else {}
        views.append({"buffer": 0, "byteOffset": before, "byteLength": len(part), **target})
        before += len(padded[number])
    whole = {
        "asset": {"version": "2.0", "generator": "muggle-convert", "extras": {"comments": comments}},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(document["nodes"])))}],
        **document,
        "bufferViews": views,
        "buffers": [{"byteLength": before}],
    }
    text = json.dumps(whole, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + before))
    file.write(struct.pack("<I4s", len(text), b"JSON") + text)
    file.write(struct.pack("<I4s", before, b"BIN\0"))
    for part in padded:
        file.write(part)


def _linear() -> npt.NDArray[np.uint8]:
    """Of each shade of sRGB the share of light, from 0 to 255: the colours of glTF's vertices are linear."""
    shade = np.arange(256) / 255
    light = np.where(shade <= LINEAR_FROM, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return (255 * light).round().astype(np.uint8)
