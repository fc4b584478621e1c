"""What drawings of networks are made of: parts, arrows between them, the decoder, and bars of parameters and FLOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE, Drawing

COLOURS = {
    "patch_embed": "#c29b2f", "posenc": "#e0893c", "imgencoder": "#5f8fd3", "decoder": "#4a9fa8",
    "reassemble": "#57a773", "fusion": "#9a76c9", "head": "#d1607c",
}  # fmt: skip
OTHER = "#9aa0a6"
PICTURE, PREDICTION = ("#b9d3ee", "#7fa56f", "#c7b18d"), ("#2b0f54", "#b0276b", "#f4a63a")  # from far to near
FOOTNOTE = "Shapes are without the batch. FLOPs are those of convolutions and matrix products, two per multiply-add."
COUNTS, WORK = ("", " thousand", " million", " billion"), (" FLOPs", " kFLOPs", " MFLOPs", " GFLOPs", " TFLOPs")
TOP, ROW, BOX = 148.0, 116.0, 84.0  # top of the first row, and the heights of rows and boxes
HEADING = TOP - 32  # above the columns
LEFT, ENCODER, REASSEMBLE, FUSION, RIGHT = 30.0, 260.0, 512.0, 752.0, 992.0  # left edge of each column
WIDTH, SLIM = 184.0, 140.0  # of boxes, and of the encoder


def draw_title(drawing: Drawing, whole: Part, seen: str) -> None:
    drawing.text(LEFT, 40, drawing.title, size=21, bold=True)
    summary = f"{short(whole.parameters, COUNTS)} parameters, {short(whole.flops, WORK)} for {seen}"
    drawing.text(LEFT, 66, summary, size=14, fill=PALE)


def draw_tap(drawing: Drawing, y: float, shape: Shape) -> None:
    """From a row of the encoder's column to the reassembly, with the shape that is passed on."""
    draw_across(drawing, y, ENCODER + SLIM, REASSEMBLE)
    drawing.text((ENCODER + SLIM + REASSEMBLE) / 2, y + BOX / 2 - 8, spelled(shape), size=11.5, anchor="middle", fill=PALE)


def draw_decoder(drawing: Drawing, parts: Mapping[str, Part], levels: Sequence[str]) -> None:
    draw_heading(drawing, REASSEMBLE, WIDTH, "reassemble", parts["reassemble"])
    draw_heading(drawing, FUSION, WIDTH, "fusion", parts["fusion"])
    for level, name in enumerate(levels):
        y, block = TOP + ROW * level, f"fusion.blocks.{level}"
        draw_part(drawing, REASSEMBLE, y, "reassemble", name.partition(".")[2], parts[name], parts[name].outputs[0])
        draw_part(drawing, FUSION, y, "fusion", f"blocks.{level}", parts[block], parts[block].outputs[0])
        draw_across(drawing, y, REASSEMBLE + WIDTH, FUSION)
        if level:
            draw_steps(drawing, FUSION + WIDTH / 2, (y, y - ROW))


def draw_steps(drawing: Drawing, x: float, places: Sequence[float]) -> None:
    """From the box at the first height to the box at the second, and so on."""
    for begin, end in pairwise(places):
        drawing.arrow((x, begin + BOX), (x, end - 3)) if begin < end else drawing.arrow((x, begin), (x, end + BOX + 3))


def draw_across(drawing: Drawing, y: float, begin: float, end: float) -> None:
    """From the end of one box to the start of the next in its row."""
    drawing.arrow((begin, y + BOX / 2), (end - 2, y + BOX / 2))


def draw_heading(drawing: Drawing, x: float, width: float, name: str, part: Part, y: float = HEADING) -> None:
    drawing.text(x + width / 2, y, name, size=15, anchor="middle", bold=True)
    drawing.text(x + width / 2, y + 19, _numbers(part), size=12, anchor="middle", fill=PALE)


def draw_part(drawing: Drawing, x: float, y: float, colour: str, name: str, part: Part, shape: Shape) -> None:
    drawing.box(x, y, WIDTH, BOX, tint(colour), COLOURS.get(colour, OTHER))
    drawing.text(x + 12, y + 24, name, size=14, bold=True)
    drawing.text(x + 12, y + 46, f"→ {spelled(shape)}", size=13)
    drawing.text(x + 12, y + 69, _numbers(part), size=11.5, fill=PALE)


def draw_picture(drawing: Drawing, x: float, y: float, name: str, shape: Shape, colours: tuple[str, str, str]) -> None:
    """A small landscape: a sky, a hill, and a house in front."""
    far, middle, near = colours
    side = BOX - 26
    left = x + (WIDTH - 1.4 * side) / 2
    drawing.box(left, y, 1.4 * side, side, far, radius=4)
    hill = ((0, 1), (0, 0.62), (0.6, 0.42), (1.4, 0.7), (1.4, 1))
    house = ((0.55, 1), (0.55, 0.56), (0.8, 0.34), (1.05, 0.56), (1.05, 1))
    for outline, colour in ((hill, middle), (house, near)):
        drawing.polygon([(left + across * side, y + down * side) for across, down in outline], colour)
    drawing.text(x + WIDTH / 2, y + BOX - 6, f"{name}, {spelled(shape)}", size=12, anchor="middle")


def draw_shares(drawing: Drawing, parts: Mapping[str, Part], y: float) -> None:
    """Where the parameters are and where the computation happens, as one bar each."""
    others = [name for name in parts if "." not in name and name not in ("", *COLOURS)]
    order = [*(name for name in COLOURS if name in parts and name != "head"), *others, "head"]
    whole, left, width = parts[""], LEFT + 96, RIGHT + WIDTH - LEFT - 96
    for row, (label, total) in enumerate((("parameters", whole.parameters), ("FLOPs", whole.flops))):
        x, top = left, y + 44 * row
        drawing.text(LEFT, top + 20, label, size=13, bold=True)
        for name in order:
            share = (parts[name].parameters if row == 0 else parts[name].flops) / max(total, 1)
            drawing.box(x, top, share * width, 30, COLOURS.get(name, OTHER), radius=0)
            if share > 0.05:
                drawing.text(x + share * width / 2, top + 20, f"{share:.0%}", size=12.5, anchor="middle", fill="#ffffff", bold=True)
            x += share * width
    for number, name in enumerate(order):
        x, top = LEFT + number * (RIGHT + WIDTH - LEFT) / len(order), y + 108
        drawing.box(x, top, 14, 14, COLOURS.get(name, OTHER), radius=3)
        drawing.text(x + 22, top + 12, name, size=13, bold=True)
        drawing.text(x + 22, top + 32, f"{parts[name].parameters / max(whole.parameters, 1):.1%} of parameters", size=12, fill=PALE)
        drawing.text(x + 22, top + 49, f"{parts[name].flops / max(whole.flops, 1):.1%} of FLOPs", size=12, fill=PALE)
    drawing.text(LEFT, y + 196, FOOTNOTE, size=11.5, fill=PALE)


def spread(count: int, levels: int) -> list[float]:
    """Heights for some boxes, evenly from the first row to the last."""
    return [TOP + ROW * (levels - 1) * number / (count - 1) for number in range(count)]


def tint(name: str) -> str:
    """The colour of a part, mixed with a lot of white."""
    channels = (int(COLOURS.get(name, OTHER)[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.16 * (255 - channel)):02x}" for channel in channels)


def spelled(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def _numbers(part: Part) -> str:
    work = f", {short(part.flops, WORK)}" if part.flops else ""
    return f"{short(part.parameters, ('', 'k', 'M', 'G'))} params{work}"


def short(number: int, units: Sequence[str]) -> str:
    power = 0
    value = float(number)
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g}{units[power]}"
