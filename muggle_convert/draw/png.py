"""PNG files of 8-bit colours or 16-bit grey, deflated fast: https://www.w3.org/TR/png-3"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from muggle_convert.draw.deflate import checksum, deflated

_GREY, _COLOURS, _UP = 0, 2, 2


def write_png(file: BinaryIO, pixels: npt.NDArray[Any], text: Mapping[str, str] | None = None) -> None:
    """uint16 (height, width), or uint8 (height, width, 3)."""
    height, width = pixels.shape[:2]
    bits, kind = (16, _GREY) if pixels.dtype == np.uint16 else (8, _COLOURS)
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">2I5B", width, height, bits, kind, 0, 0, 0))
    for key, value in (text or {}).items():
        _chunk(file, b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
    _chunk(file, b"IDAT", deflated(_filtered(pixels)))
    _chunk(file, b"IEND", b"")


def _filtered(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Each row as the difference from the one above, which takes the least time to make, and on depth about the least to hold."""
    stored = pixels.astype(">u2") if pixels.dtype == np.uint16 else np.ascontiguousarray(pixels)
    rows = stored.view(np.uint8).reshape(len(pixels), -1)
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered


def _chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", checksum(data, checksum(kind))))
