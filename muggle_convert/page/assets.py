"""The files of the page, as a browser takes them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from muggle_convert.draw import colours

START, STYLE, MODULE = "index.html", "style.css", "main.js"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
SHADES = 256  # of a colour map, as many as a screen tells apart


@cache
def assets() -> Mapping[str, bytes]:
    """By their paths below the page's own."""
    root = Path(__file__).parent / "static"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.suffix in TYPES}


@cache
def maps() -> Mapping[str, Any]:
    """The colour maps: red, green and blue of each shade, in base64."""
    shades = np.linspace(0, 1, SHADES)
    tables = {name: table()[np.rint(shades * (len(table()) - 1)).astype(int)] for name, table in colours.MAPS.items()}
    difference = colours.difference(2 * shades - 1)
    return {"maps": {name: _encoded(table) for name, table in tables.items()}, "difference": _encoded(difference)}


def _encoded(table: colours.Colours) -> str:
    return b64encode(table.tobytes()).decode()
