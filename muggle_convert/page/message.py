"""A sight as the served page receives it: what it says of itself, and then its numbers exactly as they are."""

from __future__ import annotations

import json
import struct

from muggle_convert.page.sight import Sight


def message(sight: Sight) -> bytes:
    """The length of the JSON, the JSON, filled up to whole numbers of four bytes, and float32 of every layer."""
    said = json.dumps(sight.described()).encode()
    said += b" " * (-len(said) % 4)
    return b"".join([struct.pack("<I", len(said)), said, *(sight.shown(layer).tobytes() for layer in sight.layers)])
