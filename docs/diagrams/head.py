"""The head: from the finest path to one number for each pixel, and what the last step makes of it."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

RED = COLOURS["head"]
ENDS = (
    ("ReLU", "relative inverse depth", "no unit; larger is nearer"),
    ("sigmoid × max_depth", "metres", "20 for rooms, 80 for streets"),
    ("1 / (scale · x + shift)", "metres", "DPT's KITTI and NYU models"),
    ("nothing", "scores of classes", "one channel for each"),
)


def draw() -> str:
    drawing = Drawing(1120, 352, "The head, and what its numbers mean")
    drawing.text(36, 44, "head", size=15, bold=True)
    scene.paint(drawing, 36, 96, 150, 16, scene.depth)
    drawing.text(111, 270, "the finest path", size=12.5, anchor="middle", fill=PALE)
    drawing.arrow((196, 171), (226, 171))
    for x, name, words in (
        (228, "spatial_upsampler", ("convolution 3 × 3", "to half the channels,", "then enlarge")),
        (432, "proj_1ch", ("convolution 3 × 3, ReLU,", "and each pixel's", "channels to one")),
    ):
        drawing.box(x, 112, 178, 118, scene.mixed(RED, 0.16), RED)
        drawing.text(x + 14, 140, name, size=14, bold=True)
        for number, line in enumerate(words):
            drawing.text(x + 14, 168 + 19 * number, line, size=12.5)
    drawing.arrow((406, 171), (430, 171))
    drawing.text(700, 44, "activation", size=15, bold=True)
    drawing.text(884, 44, "what the numbers are", size=15, bold=True)
    for number, (formula, meaning, more) in enumerate(ENDS):
        y = 66 + 68 * number
        drawing.arrow((610, 171), (648, 171), (648, y + 24), (696, y + 24))
        drawing.box(698, y, 166, 48, scene.mixed(RED, 0.07), RED)
        drawing.text(781, y + 29, formula, size=13, anchor="middle")
        drawing.text(884, y + 21, meaning, size=13.5, bold=True)
        drawing.text(884, y + 40, more, size=12, fill=PALE)
    return drawing.svg()
