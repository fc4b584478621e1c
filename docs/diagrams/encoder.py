"""The encoder: a stack of equal blocks, four of them tapped, and what is in a block."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

BLOCKS, TAPS = 12, (2, 5, 8, 11)
BLUE = COLOURS["imgencoder"]


def draw() -> str:
    drawing = Drawing(1120, 436, "The encoder and one of its blocks")
    _draw_stack(drawing, 60, 84)
    _draw_block(drawing, 520, 84)
    return drawing.svg()


def _draw_stack(drawing: Drawing, x: float, y: float) -> None:
    drawing.text(x, 44, "imgencoder", size=15, bold=True)
    drawing.text(x, 64, "as many tokens of the same width everywhere", size=12.5, fill=PALE)
    width, height, gap = 150.0, 19.0, 6.0
    for number in range(BLOCKS):
        top = y + number * (height + gap)
        tapped = number in TAPS
        drawing.box(x, top, width, height, BLUE if tapped else scene.mixed(BLUE, 0.25), radius=4)
        drawing.text(x + width / 2, top + 14, f"block {number}", size=11.5, anchor="middle", fill="#ffffff" if tapped else PALE)
        if tapped:
            level = TAPS.index(number)
            drawing.arrow((x + width, top + height / 2), (x + width + 56, top + height / 2))
            drawing.text(x + width + 64, top + height / 2 + 4, f"tap {level}", size=12.5, bold=True)
            meaning = ("edges and textures", "", "", "things and places")[level]
            drawing.text(x + width + 106, top + height / 2 + 4, meaning, size=12, fill=PALE)
    foot = y + BLOCKS * (height + gap) - gap
    drawing.arrow((x + width / 2, y - 12), (x + width / 2, y - 2))
    drawing.text(x, foot + 30, "the last tap ends the work; nothing after it is computed", size=12.5, fill=PALE)


def _draw_block(drawing: Drawing, x: float, y: float) -> None:
    drawing.text(x, 44, "one block", size=15, bold=True)
    drawing.text(x, 64, "twice: look at normalised tokens, add what was found", size=12.5, fill=PALE)
    middle = y + 96
    drawing.line((x, middle), (x + 516, middle))
    drawing.arrow((x + 500, middle), (x + 556, middle))
    for begin, title, words in (
        (x + 30, "attention", ("each token asks all others:", "queries meet keys,", "values are mixed")),
        (x + 296, "MLP", ("each token by itself:", "4 times wider,", "GELU, and back")),
    ):
        drawing.arrow((begin, middle), (begin, middle + 78), (begin + 12, middle + 78))
        drawing.box(begin + 14, middle + 56, 44, 44, scene.mixed(COLOURS["posenc"], 0.2), COLOURS["posenc"])
        drawing.text(begin + 36, middle + 82, "norm", size=12, anchor="middle")
        drawing.arrow((begin + 58, middle + 78), (begin + 74, middle + 78))
        drawing.box(begin + 76, middle + 44, 122, 68, scene.mixed(BLUE, 0.2), BLUE)
        drawing.text(begin + 137, middle + 83, title, size=14, anchor="middle", bold=True)
        drawing.arrow((begin + 198, middle + 78), (begin + 222, middle + 78), (begin + 222, middle + 12))
        drawing.circle(begin + 222, middle, 11, "#ffffff", BLUE)
        drawing.text(begin + 222, middle + 5, "+", size=15, anchor="middle")
        for number, line in enumerate(words):
            drawing.text(begin + 14, middle + 142 + 18 * number, line, size=12.5, fill=PALE)
    drawing.text(x, middle - 14, "tokens", size=12.5, fill=PALE)
