"""Fusion: from the coarsest map to the finest, each step adding what the finer map sees; and what is in a block."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

VIOLET, GREEN = COLOURS["fusion"], COLOURS["reassemble"]


def draw() -> str:
    drawing = Drawing(1120, 620, "Fusion: coarse to fine")
    drawing.text(36, 44, "fusion", size=15, bold=True)
    drawing.text(36, 64, "coarse first: each block adds what the next finer map sees", size=12.5, fill=PALE)
    _draw_chain(drawing, 36, 96)
    drawing.text(36, 392, "one block", size=15, bold=True)
    _draw_block(drawing, 36, 470)
    return drawing.svg()


def _draw_chain(drawing: Drawing, x: float, y: float) -> None:
    for step, (block, cells) in enumerate(((3, 4), (2, 8), (1, 16), (0, 32))):
        left = x + step * 270
        drawing.box(left, y + 176, 96, 44, scene.mixed(VIOLET, 0.18), VIOLET)
        drawing.text(left + 48, y + 203, f"blocks.{block}", size=13, anchor="middle", bold=True)
        drawing.text(left + 48, y + 258, ("spatial_downx2", "spatial_noscale", "spatial_upx2", "spatial_upx4")[step], size=12, anchor="middle", fill=GREEN, bold=True)  # fmt: skip
        drawing.arrow((left + 48, y + 244), (left + 48, y + 222))
        scene.paint(drawing, left + 112, y + 10, 128, cells, scene.depth)
        drawing.arrow((left + 96, y + 198), (left + 176, y + 198), (left + 176, y + 142))
        drawing.text(left + 176, y + 0, f"{cells} × {cells}", size=12.5, anchor="middle", fill=PALE)
        if step < 3:
            drawing.arrow((left + 240, y + 74), (left + 318, y + 74), (left + 318, y + 174))


def _draw_block(drawing: Drawing, x: float, y: float) -> None:
    drawing.text(x, y - 14, "path", size=12.5, fill=PALE)
    drawing.line((x, y), (x + 262, y))
    drawing.text(x, y + 76, "map", size=12.5, fill=GREEN, bold=True)
    drawing.arrow((x, y + 90), (x + 66, y + 90))
    _draw_unit(drawing, x + 68, y + 62, "residual unit")
    drawing.arrow((x + 222, y + 90), (x + 274, y + 90), (x + 274, y + 12))
    drawing.circle(x + 274, y, 11, "#ffffff", VIOLET)
    drawing.text(x + 274, y + 5, "+", size=15, anchor="middle")
    drawing.arrow((x + 285, y), (x + 330, y))
    _draw_unit(drawing, x + 332, y - 28, "residual unit")
    drawing.arrow((x + 486, y), (x + 564, y))
    for left, name, words in ((x + 566, "enlarge", "bilinear, to the next map's size"), (x + 800, "project", "a matrix for each pixel")):
        drawing.box(left, y - 28, 154, 56, scene.mixed(VIOLET, 0.18), VIOLET)
        drawing.text(left + 77, y + 5, name, size=14, anchor="middle", bold=True)
        drawing.text(left, y + 50, words, size=12, fill=PALE)
    drawing.arrow((x + 720, y), (x + 798, y))
    drawing.arrow((x + 954, y), (x + 1004, y))
    drawing.text(x + 1010, y + 5, "path", size=12.5, fill=PALE)
    drawing.text(x + 332, y + 50, "x + conv(ReLU(conv(ReLU(x))))", size=12, fill=PALE)
    drawing.text(x + 332, y + 96, "The coarsest block has no path to join and begins here.", size=12.5, fill=PALE)


def _draw_unit(drawing: Drawing, x: float, y: float, name: str) -> None:
    drawing.box(x, y, 154, 56, scene.mixed(VIOLET, 0.18), VIOLET)
    drawing.text(x + 77, y + 33, name, size=14, anchor="middle", bold=True)
