"""A network as a drawing: its parts in the paper's order, what each hands on, and where its weights and its work lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from model_defs.config import DPTConfig
from muggle_convert.pictures.measure import Part, Shape
from muggle_convert.pictures.svg import PALE, Drawing

COLOURS = {
    "patch_embed": "#c29b2f", "posenc": "#e0893c", "imgencoder": "#5f8fd3",
    "reassemble": "#57a773", "fusion": "#9a76c9", "head": "#d1607c",
}  # fmt: skip
OTHER = "#9aa0a6"
FOOTNOTE = "Shapes are without the batch. FLOPs are those of convolutions and matrix products, two for each multiplication with addition."
COUNTS, WORK = ("", " thousand", " million", " billion"), (" FLOPs", " kFLOPs", " MFLOPs", " GFLOPs", " TFLOPs")
TOP, ROW, BOX = 148.0, 116.0, 84.0  # where the first row begins, and how high rows and boxes are
HEADING = TOP - 32  # what stands above the columns
LEFT, ENCODER, REASSEMBLE, FUSION, RIGHT = 30.0, 260.0, 512.0, 752.0, 992.0  # where each column begins
WIDTH, SLIM = 184.0, 140.0  # of boxes, and of the encoder


def draw(config: DPTConfig, parts: Mapping[str, Part], rows: int, columns: int, title: str) -> str:
    """The whole picture as SVG; data goes up on the left, down the encoder, across, up the fusion and down on the right."""
    levels = [name for name in parts if name.startswith("reassemble.") and name.count(".") == 1]
    bottom = TOP + ROW * len(levels)
    drawing = Drawing(RIGHT + WIDTH + 30, bottom + 246, title)
    whole = parts[""]
    drawing.text(LEFT, 40, title, size=21, bold=True)
    summary = f"{_short(whole.parameters, COUNTS)} parameters, {_short(whole.flops, WORK)} for a picture of {rows} × {columns} pixels"
    drawing.text(LEFT, 66, summary, size=14, fill=PALE)
    _draw_inputs(drawing, parts, (config.image.channels, rows, columns), len(levels))
    _draw_encoder(drawing, config, parts, len(levels))
    _draw_decoder(drawing, parts, levels)
    _draw_outputs(drawing, parts, len(levels))
    _draw_shares(drawing, parts, bottom + 28)
    return drawing.svg()


def _draw_inputs(drawing: Drawing, parts: Mapping[str, Part], image: Shape, levels: int) -> None:
    """From the picture to the first of the encoder's rows."""
    names = [name for name in ("patch_embed", "posenc") if name in parts]
    first = len(parts["patch_embed"].outputs) - 1
    places = [TOP + ROW * row for row in range(first + 1)] if first else _spread(len(names) + 1, levels)[::-1]
    _draw_picture(drawing, LEFT, places[0], "picture", image, ("#b9d3ee", "#7fa56f", "#c7b18d"))
    for name, place in zip(names, places[1:], strict=True):
        _draw_part(drawing, LEFT, place, name, name, parts[name], parts[name].outputs[0])
    for begin, end in pairwise(places):
        _draw_step(drawing, LEFT + WIDTH / 2, begin, end)
    drawing.arrow((LEFT + WIDTH, places[-1] + BOX / 2), (ENCODER - 2, places[-1] + BOX / 2))


def _draw_encoder(drawing: Drawing, config: DPTConfig, parts: Mapping[str, Part], levels: int) -> None:
    """The encoder as one column, cut where something is tapped; above it the stages of a hybrid's patch embedding that are tapped too."""
    part, early = parts["imgencoder"], parts["patch_embed"].outputs[1:]
    top = TOP + ROW * len(early)
    below = TOP + ROW * levels  # where there is room for the name, if not above
    _draw_heading(drawing, ENCODER, SLIM, "imgencoder", part, below - 9 if early else HEADING)
    drawing.box(ENCODER, top, SLIM, TOP + ROW * (levels - 1) + BOX - top, _tint("imgencoder"), COLOURS["imgencoder"])
    for level in range(len(early)):
        drawing.box(ENCODER, TOP + ROW * level, SLIM, BOX, _tint("patch_embed"), COLOURS["patch_embed"])
        corner, middle = (LEFT + WIDTH + ENCODER) / 2, TOP + ROW * (len(early) - 1) + BOX / 2
        drawing.arrow(
            (LEFT + WIDTH, middle), (corner, middle), (corner, TOP + ROW * level + BOX / 2), (ENCODER - 2, TOP + ROW * level + BOX / 2)
        )
    for level, (label, shape) in enumerate(zip(_steps(config.encoder), [*early, *part.outputs], strict=True)):
        y = TOP + ROW * level
        for number, line in enumerate(label):
            drawing.text(ENCODER + SLIM / 2, y + 47 - 9 * (len(label) - 1) + 18 * number, line, size=13, anchor="middle", bold=number == 0)
        if level > len(early):
            drawing.line((ENCODER + 14, y - 16), (ENCODER + SLIM - 14, y - 16), stroke=COLOURS["imgencoder"], width=1)
        drawing.arrow((ENCODER + SLIM, y + BOX / 2), (REASSEMBLE - 2, y + BOX / 2))
        drawing.text((ENCODER + SLIM + REASSEMBLE) / 2, y + BOX / 2 - 8, _shape(shape), size=11.5, anchor="middle", fill=PALE)


def _draw_decoder(drawing: Drawing, parts: Mapping[str, Part], levels: Sequence[str]) -> None:
    _draw_heading(drawing, REASSEMBLE, WIDTH, "reassemble", parts["reassemble"])
    _draw_heading(drawing, FUSION, WIDTH, "fusion", parts["fusion"])
    for level, name in enumerate(levels):
        y, block = TOP + ROW * level, f"fusion.blocks.{level}"
        _draw_part(drawing, REASSEMBLE, y, "reassemble", name.partition(".")[2], parts[name], parts[name].outputs[0])
        _draw_part(drawing, FUSION, y, "fusion", f"blocks.{level}", parts[block], parts[block].outputs[0])
        drawing.arrow((REASSEMBLE + WIDTH, y + BOX / 2), (FUSION - 2, y + BOX / 2))
        if level:
            _draw_step(drawing, FUSION + WIDTH / 2, y, y - ROW)


def _draw_outputs(drawing: Drawing, parts: Mapping[str, Part], levels: int) -> None:
    """From the finest fusion block at the top to the prediction at the bottom."""
    known = ("", "patch_embed", "posenc", "imgencoder", "reassemble", "fusion", "head")
    names = [*(name for name in parts if "." not in name and name not in known), "head"]
    places = _spread(len(names) + 1, levels)
    for name, place in zip(names, places, strict=False):
        _draw_part(drawing, RIGHT, place, name, name, parts[name], parts[name].outputs[0])
    _draw_picture(drawing, RIGHT, places[-1], "prediction", parts[""].outputs[0], ("#2b0f54", "#b0276b", "#f4a63a"))
    for begin, end in pairwise(places):
        _draw_step(drawing, RIGHT + WIDTH / 2, begin, end)
    drawing.arrow((FUSION + WIDTH, TOP + BOX / 2), (RIGHT - 2, TOP + BOX / 2))


def _draw_step(drawing: Drawing, x: float, begin: float, end: float) -> None:
    """From the box that begins at one height to the one that begins at another."""
    drawing.arrow((x, begin + BOX), (x, end - 3)) if begin < end else drawing.arrow((x, begin), (x, end + BOX + 3))


def _draw_heading(drawing: Drawing, x: float, width: float, name: str, part: Part, y: float = HEADING) -> None:
    drawing.text(x + width / 2, y, name, size=15, anchor="middle", bold=True)
    drawing.text(x + width / 2, y + 19, _numbers(part), size=12, anchor="middle", fill=PALE)


def _draw_part(drawing: Drawing, x: float, y: float, colour: str, name: str, part: Part, shape: Shape) -> None:
    drawing.box(x, y, WIDTH, BOX, _tint(colour), COLOURS.get(colour, OTHER))
    drawing.text(x + 12, y + 24, name, size=14, bold=True)
    drawing.text(x + 12, y + 46, f"→ {_shape(shape)}", size=13)
    drawing.text(x + 12, y + 69, _numbers(part), size=11.5, fill=PALE)


def _draw_picture(drawing: Drawing, x: float, y: float, name: str, shape: Shape, colours: tuple[str, str, str]) -> None:
    """A small landscape: a sky, a hill, and a house in front."""
    far, middle, near = colours
    side = BOX - 26
    left = x + (WIDTH - 1.4 * side) / 2
    drawing.box(left, y, 1.4 * side, side, far, radius=4)
    hill = ((0, 1), (0, 0.62), (0.6, 0.42), (1.4, 0.7), (1.4, 1))
    house = ((0.55, 1), (0.55, 0.56), (0.8, 0.34), (1.05, 0.56), (1.05, 1))
    for outline, colour in ((hill, middle), (house, near)):
        drawing.polygon([(left + across * side, y + down * side) for across, down in outline], colour)
    drawing.text(x + WIDTH / 2, y + BOX - 6, f"{name}, {_shape(shape)}", size=12, anchor="middle")


def _draw_shares(drawing: Drawing, parts: Mapping[str, Part], y: float) -> None:
    """Where the weights lie and where the work is done, each as one bar."""
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


def _steps(encoder: Any) -> list[tuple[str, ...]]:
    """What lies between two taps, in words."""
    stages = [(f"stage {number}", "of patch_embed") for number in range(2)] if encoder.kind == "hybrid" else []
    if not hasattr(encoder, "taps"):
        return [(f"stage {number}", f"{depth} blocks") for number, depth in enumerate(encoder.depths)]
    what = "stage" if encoder.kind == "efficientnet_lite" else "block"
    firsts = [0, *(tap + 1 for tap in encoder.taps)]
    runs = zip(firsts, encoder.taps, strict=False)
    return stages + [(f"{what}s {first} to {last}" if first < last else f"{what} {last}",) for first, last in runs]


def _spread(count: int, levels: int) -> list[float]:
    """Places for some boxes, evenly from the first row to the last."""
    return [TOP + ROW * (levels - 1) * number / (count - 1) for number in range(count)]


def _tint(name: str) -> str:
    """The colour of a part, mixed with much white."""
    channels = (int(COLOURS.get(name, OTHER)[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.16 * (255 - channel)):02x}" for channel in channels)


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def _numbers(part: Part) -> str:
    work = f", {_short(part.flops, WORK)}" if part.flops else ""
    return f"{_short(part.parameters, ('', 'k', 'M', 'G'))} params{work}"


def _short(number: int, units: Sequence[str]) -> str:
    power = 0
    value = float(number)
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g}{units[power]}"
