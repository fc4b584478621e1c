"""Reassembly: from four rows of tokens to maps of four sizes."""

from __future__ import annotations

from diagrams import scene
from model_defs.config import SCALES
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

GREEN, BLUE = COLOURS["reassemble"], COLOURS["imgencoder"]
STEPS = ("transposed convolution, 4 × 4", "transposed convolution, 2 × 2", "as it is", "convolution, every second place")
GRID, ROW = 4, 124.0


def draw() -> str:
    drawing = Drawing(1120, 590, "Reassembly: from tokens to maps of four sizes")
    for x, name in ((36, "a tap's tokens"), (344, "read and lay out"), (560, "resample"), (872, "maps for the fusion")):
        drawing.text(x, 44, name, size=15, bold=True)
    for level, (scale, step) in enumerate(zip(SCALES, STEPS, strict=True)):
        y = 84 + ROW * level
        _draw_tokens(drawing, 36, y + 22, level)
        drawing.arrow((300, y + 46), (334, y + 46))
        _draw_grid(drawing, 344, y + 10, 72, GRID, level)
        drawing.arrow((430, y + 46), (546, y + 46))
        drawing.arrow((790, y + 46), (866, y + 46))
        drawing.box(560, y + 14, 226, 64, scene.mixed(GREEN, 0.16), GREEN)
        drawing.text(572, y + 40, scale, size=14, bold=True)
        drawing.text(572, y + 62, step, size=12.5)
        _draw_map(drawing, 878, y + 46, (16, 8, 4, 2)[level], level)
    drawing.text(36, 574, "The class token is passed over, added to every patch, or joined with each and projected.", size=12.5, fill=PALE)
    return drawing.svg()


def _draw_tokens(drawing: Drawing, x: float, y: float, level: int) -> None:
    for number in range(GRID * GRID + 1):
        left = x + number * 14.5 + (5 if number else 0)
        shade = scene.mixed(BLUE, 0.35) if not number else _shade((number - 1) // GRID, (number - 1) % GRID, GRID, level)
        drawing.box(left, y, 11.5, 48, shade, BLUE if not number else "none", radius=2.5)


def _draw_grid(drawing: Drawing, x: float, y: float, side: float, cells: int, level: int) -> None:
    step = side / cells
    for row in range(cells):
        for column in range(cells):
            drawing.box(x + column * step, y + row * step, step - 1, step - 1, _shade(row, column, cells, level), radius=min(2.0, step / 5))


def _draw_map(drawing: Drawing, x: float, middle: float, cells: int, level: int) -> None:
    """Sheets behind each other, for a map has many channels."""
    side = (100.0, 76.0, 52.0, 34.0)[level]
    for sheet in (2, 1, 0):
        left, top = x + 8 * sheet, middle - side / 2 - 5 * sheet
        drawing.box(left - 2, top - 2, side + 3, side + 3, "#fcfcfa", scene.mixed(GREEN, 0.8), radius=3)
        if not sheet:
            _draw_grid(drawing, left, top, side, cells, level)
    drawing.text(x + side + 34, middle + 5, f"{cells} × {cells}", size=13)


def _shade(row: int, column: int, cells: int, level: int) -> str:
    """A feature that answers to some of the scene, coarser in deeper taps."""
    near = scene.nearness((column + 0.5) / cells, (row + 0.5) / cells)
    texture = ((row * 3 + column * 5) % 4) / 4
    return scene.mixed(GREEN, 0.12 + 0.7 * ((1 - 0.28 * level) * 0.4 * texture + (0.45 + 0.15 * level) * near))
