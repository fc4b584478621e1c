"""Draw the documents' diagrams, and point their links to code at the lines that the words in them name: python docs/make.py"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from diagrams import encoder, fusion, head, networks, reassemble, sizes, tokens

DOCS = Path(__file__).parent
PICTURES = {
    "depth_anything_v2_vits": networks.depth_anything_v2_vits,
    "dpt_hybrid_384": networks.dpt_hybrid_384,
    "dust3r": networks.dust3r,
    "encoder": encoder.draw,
    "fusion": fusion.draw,
    "head": head.draw,
    "reassemble": reassemble.draw,
    "sizes": sizes.draw,
    "tokens": tokens.draw,
}
LINK = re.compile(r"\[`(?P<symbol>[\w.]+)`\]\(\.\./(?P<file>[\w/]+\.py)#L\d+\)")


def linked(text: str) -> str:
    """The same text, with the present line of every class and function it links to."""
    return LINK.sub(lambda match: f"[`{match['symbol']}`](../{match['file']}#L{_line(match['symbol'], match['file'])})", text)


def documents() -> Iterator[Path]:
    return DOCS.glob("*.md")


def _line(symbol: str, file: str) -> int:
    body = ast.parse((DOCS.parent / file).read_text(encoding="utf-8")).body
    for name in symbol.split("."):
        found = next((node for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name), None)
        if found is None:
            raise LookupError(f"{file} has no {symbol}")
        body, line = found.body, found.lineno
    return line


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (DOCS / "pictures" / f"{name}.svg").write_text(draw(), encoding="utf-8")
    for document in documents():
        document.write_text(linked(document.read_text(encoding="utf-8")), encoding="utf-8")
