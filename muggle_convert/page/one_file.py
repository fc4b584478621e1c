"""The page with one picture in it, as a single file that asks for nothing: it opens from a disk, and can be sent to somebody.

Modules stay modules: an import map, which browsers know for themselves, gives each of them a name and its text.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from posixpath import dirname, join, normpath
from typing import Any, BinaryIO

import numpy as np

from muggle_convert.draw.deflate import deflated
from muggle_convert.page.assets import MODULE, START, STYLE, assets, maps
from muggle_convert.page.sight import Numbers, Sight, jpeg

LARGEST, NO_NUMBER = 65534, 65535
POLICY = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:"
_IMPORT = re.compile(r'(?<=from )"(\.[^"]+)"')


def write_page(file: BinaryIO, sight: Sight) -> None:
    modules = {
        f"page/{name}": _link(_with_names(name, text.decode()), "text/javascript")
        for name, text in assets().items()
        if name.endswith(".js")
    }
    places = {
        '<meta name="policy" />': f'<meta http-equiv="Content-Security-Policy" content="{POLICY}" />',
        f'<link rel="stylesheet" href="{STYLE}" />': f"<style>\n{assets()[STYLE].decode()}</style>",
        '<script type="application/json" id="enclosed">null</script>': f'<script type="application/json" id="enclosed">{_json(_enclosed(sight))}</script>',
        f'<script type="module" src="{MODULE}"></script>': f'<script type="importmap">{_json({"imports": modules})}</script>\n'
        f'<script type="module">import "page/{MODULE}";</script>',
    }  # fmt: skip
    page = assets()[START].decode()
    for place, content in places.items():
        before, found, after = page.partition(place)
        assert found, f"{START} has no {place}"
        page = before + content + after
    file.write(page.encode())


def _with_names(module: str, text: str) -> str:
    """The module, with the names of an import map in the place of relative paths, which mean nothing within a file."""
    return _IMPORT.sub(lambda found: f'"{normpath(join("page", dirname(module), found[1]))}"', text)


def _enclosed(sight: Sight) -> Mapping[str, Any]:
    described = sight.described()
    layers = [{**facts, "numbers": _numbers(sight.shown(layer))} for facts, layer in zip(described["layers"], sight.layers, strict=True)]
    return {"about": maps(), "sight": {**described, "layers": layers, "picture": _link(jpeg(sight.picture), "image/jpeg")}}


def _numbers(values: Numbers) -> Mapping[str, Any]:
    """In 16 bits, from the least to the most: each row as the difference from the one above, all low bytes before all high ones, deflated."""
    known = np.isfinite(values)
    least, most = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    step = (most - least) / LARGEST or 1.0
    with np.errstate(invalid="ignore"):
        numbers = np.where(known, np.rint((values.astype(np.float64) - least) / step), NO_NUMBER).astype("<u2")
    numbers[1:] -= numbers[:-1].copy()  # around 65536
    planes = np.ascontiguousarray(numbers.reshape(-1).view(np.uint8).reshape(-1, 2).T)
    return {"least": least, "step": step, "deflated": b64encode(deflated(planes)).decode()}


def _link(content: bytes | str, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(content.encode() if isinstance(content, str) else content).decode()}"


def _json(value: Any) -> str:
    """Inside a script element, which no text may end."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
