"""Floating-point numbers as an OpenEXR file of one losslessly compressed channel: https://openexr.com/en/latest/OpenEXRFileLayout.html"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.deflate import deflated

_MAGIC, _VERSION = 20000630, 2
_FLOAT, _ZIP, _ROWS_A_CHUNK = 2, 3, 16


def write_exr(file: BinaryIO, values: npt.NDArray[np.float32], comment: str) -> None:
    """The channel is called Y, which readers show as grey."""
    height, width = values.shape
    header = _header(width, height, comment)
    chunks = [_chunk(values[row : row + _ROWS_A_CHUNK]) for row in range(0, height, _ROWS_A_CHUNK)]
    position = len(header) + 8 * len(chunks)
    file.write(header)
    for chunk in chunks:
        file.write(struct.pack("<Q", position))
        position += 8 + len(chunk)
    for number, chunk in enumerate(chunks):
        file.write(struct.pack("<ii", number * _ROWS_A_CHUNK, len(chunk)) + chunk)


def _header(width: int, height: int, comment: str) -> bytes:
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    attributes = (
        ("channels", "chlist", b"Y\0" + struct.pack("<iB3xii", _FLOAT, 0, 1, 1) + b"\0"),
        ("comments", "string", comment.encode()),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    )
    encoded = [name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes]
    return struct.pack("<ii", _MAGIC, _VERSION) + b"".join(encoded) + b"\0"


def _chunk(rows: npt.NDArray[np.float32]) -> bytes:
    """Some rows, compressed as the format prescribes: bytes at even positions, then those at odd ones, each as the difference from the one before."""
    raw = np.frombuffer(rows.astype("<f4").tobytes(), np.uint8)
    sorted_bytes = np.concatenate([raw[::2], raw[1::2]])
    steps = sorted_bytes.copy()
    steps[1:] = sorted_bytes[1:] - sorted_bytes[:-1] + np.uint8(128)
    compressed = deflated(steps)
    return compressed if len(compressed) < raw.size else raw.tobytes()
