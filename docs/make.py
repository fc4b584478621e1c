"""Write what the documents take from the code: diagrams, the references, the table of families, links to lines: python docs/make.py"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import page_pictures
from diagrams import bins, encoder, fusion, head, networks, reassemble, sizes, time, tokens, views
from reference import commands, families, interface

DOCS = Path(__file__).parent
PICTURES = {
    "bins": bins.draw,
    "depth_anything_v2_vits": networks.depth_anything_v2_vits,
    "dpt_hybrid_384": networks.dpt_hybrid_384,
    "dust3r": networks.dust3r,
    "encoder": encoder.draw,
    "fusion": fusion.draw,
    "head": head.draw,
    "reassemble": reassemble.draw,
    "sizes": sizes.draw,
    "time": time.draw,
    "tokens": tokens.draw,
    "views": views.draw,
}
WRITTEN = {"api": interface.document, "cli": commands.document}
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


def written() -> dict[Path, str]:
    """Every document as it should be."""
    texts = {document: document.read_text(encoding="utf-8") for document in DOCS.glob("*.md")}
    texts |= {DOCS / f"{name}.md": write() for name, write in WRITTEN.items()}
    texts[DOCS / "families.md"] = families.in_document(texts[DOCS / "families.md"])
    return {document: linked(text) for document, text in texts.items()}


if __name__ == "__main__":
    if why := page_pictures.draw(DOCS / "pictures"):
        print(f"docs/pictures/page.jpg and space.jpg stay as they are: {why}")
    for name, draw in PICTURES.items():
        (DOCS / "pictures" / f"{name}.svg").write_text(draw(), encoding="utf-8")
    for document, text in written().items():
        document.write_text(text, encoding="utf-8")
