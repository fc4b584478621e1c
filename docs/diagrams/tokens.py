"""From a picture to tokens: patches, one matrix, the class token, positions."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

PATCHES, PIXELS = 4, 6  # along a side, of the picture and of each patch


def draw() -> str:
    drawing = Drawing(1120, 372, "From a picture to tokens")
    _draw_picture(drawing, 36, 76, 210)
    _draw_patches(drawing, 330, 62, 238)
    _draw_tokens(drawing, 672, 76)
    drawing.arrow((260, 181), (316, 181))
    drawing.text(288, 168, "cut", size=13, anchor="middle")
    drawing.arrow((582, 181), (654, 181))
    drawing.text(618, 168, "one matrix", size=13, anchor="middle")
    drawing.text(618, 202, "for all", size=12, anchor="middle", fill=PALE)
    return drawing.svg()


def _draw_picture(drawing: Drawing, x: float, y: float, side: float) -> None:
    drawing.text(x, 44, "picture", size=15, bold=True)
    scene.paint(drawing, x, y, side, PATCHES * PIXELS, scene.colour)
    for number in range(1, PATCHES):
        step = side * number / PATCHES
        drawing.line((x + step, y), (x + step, y + side), stroke="#ffffff", width=1.4)
        drawing.line((x, y + step), (x + side, y + step), stroke="#ffffff", width=1.4)
    drawing.text(x, y + side + 26, "3 colours × rows × columns", size=12.5, fill=PALE)


def _draw_patches(drawing: Drawing, x: float, y: float, side: float) -> None:
    drawing.text(x, 44, "patches", size=15, bold=True)
    gap = 10.0
    patch = (side - gap * (PATCHES - 1)) / PATCHES
    for row in range(PATCHES):
        for column in range(PATCHES):
            window = (column / PATCHES, row / PATCHES, 1 / PATCHES)
            scene.paint(drawing, x + column * (patch + gap), y + row * (patch + gap), patch, PIXELS, scene.colour, window)
    drawing.text(x, y + side + 22, "each 14 × 14 or 16 × 16 pixels", size=12.5, fill=PALE)


def _draw_tokens(drawing: Drawing, x: float, y: float) -> None:
    drawing.text(x, 44, "tokens", size=15, bold=True)
    width, cells, cell = 17.0, 8, 17.0
    foot = y + cells * cell
    for number in range(PATCHES * PATCHES + 1):
        left = x + number * (width + 6) + (10 if number else 0)
        base = COLOURS["patch_embed"] if number else COLOURS["imgencoder"]
        for row in range(cells):
            shade = scene.mixed(base, 0.25 + 0.75 * ((number * 7 + row * 5 + number * row) % 9) / 8)
            drawing.box(left, y + row * cell, width, cell - 1, shade, radius=2)
        drawing.text(left + width / 2, foot + 16, str(number or "class"), size=11, anchor="middle", fill=PALE)
        drawing.text(left + width / 2, foot + 34, "+", size=13, anchor="middle")
        for row in range(3):
            shade = scene.mixed(COLOURS["posenc"], 0.2 + 0.8 * ((number * 3 + row * 4) % 10) / 9)
            drawing.box(left, foot + 42 + row * cell, width, cell - 1, shade, radius=2)
    drawing.text(x, foot + 118, "positions, learned for one grid and resized for others", size=12.5, fill=PALE)
