"""What the drawings of some networks for pictures have beside the rest: sky, bins that every path moves, a prompt, one product for a head."""

from __future__ import annotations

from collections.abc import Mapping

from muggle_convert.draw.diagrams.elements import COLOURS, PREDICTION, NetworkDrawing, spelled, tint
from muggle_convert.draw.diagrams.films import MARK
from muggle_convert.draw.diagrams.layout import BOX, FUSION, REASSEMBLE, RIGHT, ROW, TOP, WIDTH
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE

SKY = ("#f4f4f1", "#55555c", "#55555c")  # white where there is sky


def draw_sky(drawing: NetworkDrawing, head: float, shape: Shape) -> None:
    """A second map of the head at that height, beside the way to the prediction."""
    across, y = 60.0, head + 1.5 * ROW
    middle = RIGHT + WIDTH / 2 + across
    drawing.arrow((middle, head + BOX), (middle, y - 3))
    drawing.picture(RIGHT + across, y, "sky", shape, SKY)


def draw_paths(drawing: NetworkDrawing, levels: int, bins: float) -> None:
    """Every path of the fusion goes on to the bins at that height."""
    middle, target = (FUSION + WIDTH + RIGHT) / 2, bins + BOX / 2
    for level in range(levels):
        y = TOP + ROW * level + BOX / 2 + (18 if level == 0 else 0)
        drawing.line((FUSION + WIDTH, y), (middle, y), (middle, target))
    drawing.arrow((middle - 1, target), (RIGHT - 2, target))
    bottom = TOP + ROW * levels - 4
    drawing.text(FUSION, bottom, "every path moves the centres of the bins", size=12, fill=PALE)


def draw_prompt(drawing: NetworkDrawing, levels: int, shape: Shape) -> None:
    """A mark at every block that sees the prompt."""
    bottom = TOP + ROW * levels
    for level in range(levels):
        _draw_mark(drawing, FUSION + WIDTH - MARK - 8, TOP + ROW * level + 8)
    _draw_mark(drawing, FUSION, bottom - 20)
    drawing.text(FUSION + MARK + 8, bottom - 4, f"sees the prompt, {spelled(shape)}", size=12, fill=PALE)


def draw_product(drawing: NetworkDrawing, parts: Mapping[str, Part], levels: int, shape: Shape) -> None:
    """A head that is one product with all that was tapped, instead of a decoder."""
    height = ROW * (levels - 1) + BOX
    drawing.column_heading(REASSEMBLE, WIDTH, "head", parts["head"])
    drawing.box(REASSEMBLE, TOP, WIDTH, height, tint("head"), COLOURS["head"])
    lines = ("one product for each patch,", "with the class token beside it:", f"scores, {spelled(parts['head.scores'].outputs[0])}")
    for number, line in enumerate(lines):
        drawing.text(REASSEMBLE + WIDTH / 2, TOP + height / 2 - 10 + 20 * number, line, size=12, anchor="middle")
    picture = TOP + (height - BOX) / 2
    drawing.across(picture - 13, REASSEMBLE + WIDTH, FUSION + 50)
    drawing.picture(FUSION, picture, "prediction", shape, PREDICTION)


def _draw_mark(drawing: NetworkDrawing, x: float, y: float) -> None:
    drawing.box(x, y, MARK, MARK, "#b07a2a", radius=4)
    drawing.text(x + MARK / 2, y + 16, "p", size=13, anchor="middle", fill="#ffffff", bold=True)
