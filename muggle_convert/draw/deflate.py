"""Deflating at the level of zlib's fastest, by ISA-L where it is installed: a tenth of zlib's time, and any reader of zlib's reads it."""

from __future__ import annotations

import zlib
from typing import Any

try:
    from isal import isal_zlib as _fastest
except ImportError:
    _fastest: Any = zlib  # type: ignore[no-redef]


def deflated(data: Any) -> bytes:
    """A stream in zlib's format."""
    compressed: bytes = _fastest.compress(data, 1)
    return compressed


def deflated_without_header(data: Any) -> bytes:
    """A bare stream, as zip archives hold them."""
    deflater = _fastest.compressobj(1, zlib.DEFLATED, -15)
    compressed: bytes = deflater.compress(data) + deflater.flush()
    return compressed


def checksum(data: Any, before: int = 0) -> int:
    """CRC-32."""
    return int(_fastest.crc32(data, before))
