"""How large a picture is made before a network sees it: the three rules, for one landscape and one portrait picture."""

from __future__ import annotations

from diagrams import scene
from model_defs.config import ImageConfig
from muggle_convert.draw.diagrams.svg import LINE, PALE, Drawing
from muggle_convert.predict.sizes import input_size

SCALE = 0.2  # drawn for each pixel
BLUE = "#5f8fd3"
PICTURES = ((480, 640), (640, 360))
RULES = (
    ("at least", ImageConfig(3, 518, True, "at least", 14, (), ()), "Depth-Anything: no side below 518"),
    ("at most", ImageConfig(3, 384, True, "at most", 32, (), ()), "MiDaS v2.1: no side above 384"),
    ("closest", ImageConfig(3, 384, True, "closest", 32, (), ()), "MiDaS v3, DPT: as little change as possible"),
    ("square", ImageConfig(3, 384, False, "closest", 32, (), ()), "Swin, LeViT: always as in training"),
)


def draw() -> str:
    drawing = Drawing(1120, 552, "How large a picture is made before a network sees it")
    for column, (name, image, words) in enumerate(RULES):
        x = 40 + 270 * column
        drawing.text(x, 44, name, size=15, bold=True)
        drawing.text(x, 64, words, size=11.5, fill=PALE)
        for row, (height, width) in enumerate(PICTURES):
            y = 132 + 176 * row
            rows, columns = input_size(image, (height, width))
            drawing.text(x, y - 26, f"{columns} × {rows}", size=13, bold=True)
            drawing.text(x, y - 9, f"from {width} × {height}", size=11.5, fill=PALE)
            drawing.box(x, y, columns * SCALE, rows * SCALE, scene.mixed(BLUE, 0.22), BLUE, radius=0)
            drawing.box(x, y, image.size * SCALE, image.size * SCALE, "none", LINE, radius=0, dashed=True)
    drawing.text(
        40,
        530,
        "Width × height. Dashed: the size the rule works towards. Sides are rounded to multiples of 14 or 32.",
        size=12.5,
        fill=PALE,
    )
    return drawing.svg()
