"""What drawings of networks are made of: parts, arrows between them, the decoder, and bars of parameters and FLOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from muggle_convert.draw.diagrams.layout import BOX, ENCODER, FUSION, HEADING, LEFT, REASSEMBLE, RIGHT, ROW, SLIM, TOP, WIDTH
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE, Drawing

COLOURS = {
    "patch_embed": "#c29b2f", "posenc": "#e0893c", "imgencoder": "#5f8fd3", "decoder": "#4a9fa8", "aggregator": "#4a9fa8",
    "reassemble": "#57a773", "fusion": "#9a76c9", "motion": "#3f6f78", "head": "#d1607c",
}  # fmt: skip
OTHER = "#9aa0a6"
PICTURE, PREDICTION = ("#b9d3ee", "#7fa56f", "#c7b18d"), ("#2b0f54", "#b0276b", "#f4a63a")  # from far to near
FOOTNOTE = "Shapes are without the batch. FLOPs are those of convolutions and matrix products, two per multiply-add."
COUNTS, FLOPS = ("", " thousand", " million", " billion"), (" FLOPs", " kFLOPs", " MFLOPs", " GFLOPs", " TFLOPs")


class NetworkDrawing(Drawing):
    """A drawing to which whole elements are added."""

    def heading(self, whole: Part, seen: str) -> None:
        self.text(LEFT, 40, self.title, size=21, bold=True)
        summary = f"{_short(whole.parameters, COUNTS)} parameters, {_short(whole.flops, FLOPS)} for {seen}"
        self.text(LEFT, 66, summary, size=14, fill=PALE)

    def column_heading(self, x: float, width: float, name: str, part: Part, y: float = HEADING) -> None:
        self.text(x + width / 2, y, name, size=15, anchor="middle", bold=True)
        self.text(x + width / 2, y + 19, _numbers(part), size=12, anchor="middle", fill=PALE)

    def tap(self, y: float, shape: Shape) -> None:
        """From a row of the encoder's column to the reassembly, with the shape that is passed on."""
        self.across(y, ENCODER + SLIM, REASSEMBLE)
        self.text((ENCODER + SLIM + REASSEMBLE) / 2, y + BOX / 2 - 8, spelled(shape), size=11.5, anchor="middle", fill=PALE)

    def stack(self, name: str, taps: Sequence[int], what: str, parts: Mapping[str, Part], is_repeated: bool = False) -> None:
        """A part of many blocks as a column of boxes, divided at its taps."""
        self.column_heading(ENCODER, SLIM, name, parts[name])
        for level, label in enumerate(between(taps, what)):
            y = TOP + ROW * level
            self.box(ENCODER, y, SLIM, BOX, tint(name), COLOURS[name], dashed=is_repeated)
            self.text(ENCODER + SLIM / 2, y + 47, label, size=13, anchor="middle", bold=True)
            if level:
                self.steps(ENCODER + SLIM / 2, (y - ROW, y))
            self.tap(y, parts[name].outputs[level])

    def decoder(self, parts: Mapping[str, Part], levels: Sequence[str], fusion: str = "fusion", is_repeated: bool = False) -> None:
        """`is_repeated` where the same reassembly is drawn once more, before another fusion."""
        self.column_heading(REASSEMBLE, WIDTH, "reassemble", parts["reassemble"])
        self.column_heading(FUSION, WIDTH, fusion, parts[fusion])
        for level, name in enumerate(levels):
            y = TOP + ROW * level
            self.part(REASSEMBLE, y, name, parts, label=name.partition(".")[2], is_repeated=is_repeated)
            self.part(FUSION, y, f"{fusion}.blocks.{level}", parts, label=f"blocks.{level}")
            self.across(y, REASSEMBLE + WIDTH, FUSION)
            if level:
                self.steps(FUSION + WIDTH / 2, (y, y - ROW))

    def steps(self, x: float, places: Sequence[float]) -> None:
        """From the box at the first height to the box at the second, and so on."""
        for begin, end in pairwise(places):
            self.arrow((x, begin + BOX), (x, end - 3)) if begin < end else self.arrow((x, begin), (x, end + BOX + 3))

    def across(self, y: float, begin: float, end: float) -> None:
        """From the end of one box to the start of the next in its row."""
        self.arrow((begin, y + BOX / 2), (end - 2, y + BOX / 2))

    def part(self, x: float, y: float, name: str, parts: Mapping[str, Part], label: str = "", is_repeated: bool = False) -> None:
        """The box of a part; `is_repeated` where the same weights are drawn once more."""
        room = name.partition(".")[0].removeprefix("ray_")
        self.box(x, y, WIDTH, BOX, tint(room), COLOURS.get(room, OTHER), dashed=is_repeated)
        self.text(x + 12, y + 24, label or name, size=14, bold=True)
        for shape in parts[name].outputs[:1]:
            self.text(x + 12, y + 46, f"→ {spelled(shape)}", size=13)
        self.text(x + 12, y + 69, "the same, counted above" if is_repeated else _numbers(parts[name]), size=11.5, fill=PALE)

    def picture(self, x: float, y: float, name: str, shape: Shape, colours: tuple[str, str, str]) -> None:
        """A small landscape: a sky, a hill, and a house in front."""
        far, middle, near = colours
        side = BOX - 26
        left = x + (WIDTH - 1.4 * side) / 2
        self.box(left, y, 1.4 * side, side, far, radius=4)
        hill = ((0, 1), (0, 0.62), (0.6, 0.42), (1.4, 0.7), (1.4, 1))
        house = ((0.55, 1), (0.55, 0.56), (0.8, 0.34), (1.05, 0.56), (1.05, 1))
        for outline, colour in ((hill, middle), (house, near)):
            self.polygon([(left + across * side, y + down * side) for across, down in outline], colour)
        self.text(x + WIDTH / 2, y + BOX - 6, f"{name}, {spelled(shape)}", size=12, anchor="middle")

    def inputs(
        self,
        names: Sequence[str],
        places: Sequence[float],
        parts: Mapping[str, Part],
        picture: str,
        image: Shape,
        is_repeated: bool = False,
    ) -> None:
        """From a picture at the first place to the encoder's row at the last."""
        self.picture(LEFT, places[0], picture, image, PICTURE)
        for name, place in zip(names, places[1:], strict=True):
            self.part(LEFT, place, name, parts, is_repeated=is_repeated)
        self.steps(LEFT + WIDTH / 2, places)
        self.across(places[-1], LEFT + WIDTH, ENCODER)

    def outputs(self, names: Sequence[str], places: Sequence[float], parts: Mapping[str, Part], prediction: str, shape: Shape) -> None:
        """From the finest fusion block at the top to a prediction at the last place."""
        for name, place in zip(names, places[:-1], strict=True):
            self.part(RIGHT, place, name, parts)
        self.picture(RIGHT, places[-1], prediction, shape, PREDICTION)
        self.steps(RIGHT + WIDTH / 2, places)
        self.across(TOP, FUSION + WIDTH, RIGHT)

    def shares(self, parts: Mapping[str, Part], y: float) -> None:
        """Where the parameters are and where the computation happens, as one bar each."""
        others = [name for name in parts if "." not in name and name not in ("", *COLOURS)]
        order = [*(name for name in COLOURS if name in parts and name != "head"), *others, "head"]
        left, width = LEFT + 96, RIGHT + WIDTH - LEFT - 96
        shares = {
            "parameters": [parts[name].parameters / max(parts[""].parameters, 1) for name in order],
            "FLOPs": [parts[name].flops / max(parts[""].flops, 1) for name in order],
        }
        for row, label in enumerate(shares):
            x, top = left, y + 44 * row
            self.text(LEFT, top + 20, label, size=13, bold=True)
            for name, share in zip(order, shares[label], strict=True):
                self.box(x, top, share * width, 30, COLOURS.get(name, OTHER), radius=0)
                if share > 0.05:
                    self.text(x + share * width / 2, top + 20, f"{share:.0%}", size=12.5, anchor="middle", fill="#ffffff", bold=True)
                x += share * width
        for number, name in enumerate(order):
            x, top = LEFT + number * (RIGHT + WIDTH - LEFT) / len(order), y + 108
            self.box(x, top, 14, 14, COLOURS.get(name, OTHER), radius=3)
            self.text(x + 22, top + 12, name, size=13, bold=True)
            for line, label in enumerate(shares):
                self.text(x + 22, top + 32 + 17 * line, f"{shares[label][number]:.1%} of {label}", size=12, fill=PALE)
        self.text(LEFT, y + 196, FOOTNOTE, size=11.5, fill=PALE)


def between(taps: Sequence[int], what: str) -> list[str]:
    """What lies between the blocks that are tapped, such as blocks 3 to 5."""
    firsts = (0, *(tap + 1 for tap in taps))
    return [f"{what} {tap}" if first == tap else f"{what}s {first} to {tap}" for first, tap in zip(firsts, taps, strict=False)]


def together(parts: Sequence[Part]) -> Part:
    """Several as one, of which the first hands on."""
    return replace(parts[0], parameters=sum(part.parameters for part in parts), flops=sum(part.flops for part in parts))


def tint(name: str) -> str:
    """The colour of a part, mixed with a lot of white."""
    channels = (int(COLOURS.get(name, OTHER)[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.16 * (255 - channel)):02x}" for channel in channels)


def spelled(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def _numbers(part: Part) -> str:
    flops = f", {_short(part.flops, FLOPS)}" if part.flops else ""
    return f"{_short(part.parameters, ('', 'k', 'M', 'G'))} params{flops}"


def _short(number: int, units: Sequence[str]) -> str:
    power = 0
    value = float(number)
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g}{units[power]}"
