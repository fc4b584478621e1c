"""A network of two views as a drawing: one encoder for both, and for each view a decoder that attends to the other's, and a DPT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model_defs.config import CroCoConfig
from muggle_convert.draw.diagrams.elements import COLOURS, NetworkDrawing, spelled, tint, together
from muggle_convert.draw.diagrams.layout import BOX, ENCODER, RIGHT, ROW, SLIM, TOP, WIDTH, spread
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE

APART = 64.0  # between the first view's last row and the second view's headings
SHARED = ("patch_embed", "imgencoder")  # by both views
BEHIND = ("reassemble", "fusion", "head", "descriptors")  # what follows each view's decoder; not all have the last


def draw_views(encoder: CroCoConfig, parts: Mapping[str, Part], image: Shape, title: str) -> str:
    """The whole drawing as SVG: the first view above, the second below, each from left to right as for a single picture."""
    levels = len(encoder.taps)
    height = ROW * levels + APART
    drawing = NetworkDrawing(RIGHT + WIDTH + 30, TOP + 2 * height - APART + 246, title)
    drawing.heading(parts[""], f"two pictures of {image[1]} × {image[2]} pixels")
    for number, view in enumerate(("first", "second")):
        with drawing.moved(0, number * height):
            # The second view goes through the same weights.
            places = spread(len(SHARED) + 1, levels)[::-1]
            drawing.inputs(SHARED, places, parts, f"{view} view", image, is_repeated=view == "second")
            tapped = parts["decoder"].outputs[number * levels : (number + 1) * levels]
            _draw_blocks(drawing, encoder, parts, view, tapped)
            draw_behind(drawing, parts, f"views.{view}.", "points", levels)
    _draw_exchange(drawing, height)
    drawing.shares(all_decoders(parts, "views", ("first", "second")), TOP + 2 * height - APART + 28)
    return drawing.svg()


def _draw_blocks(drawing: NetworkDrawing, encoder: CroCoConfig, parts: Mapping[str, Part], view: str, tapped: Sequence[Shape]) -> None:
    """One column, divided at its taps: the encoder's output, and the blocks that follow."""
    stack = view if encoder.two_decoders else "first"
    blocks = [part for name, part in parts.items() if name.startswith(f"decoder.{stack}.") and name.count(".") == 2]
    name = f"decoder.{stack}" if encoder.two_decoders else "decoder, for both"
    drawing.column_heading(ENCODER, SLIM, name, together(blocks))
    firsts = (0, *encoder.taps[:-1])
    for level, (first, tap, shape) in enumerate(zip(firsts, encoder.taps, tapped, strict=True)):
        y, part = TOP + ROW * level, "imgencoder" if tap == 0 else "decoder"
        label = "as encoded" if tap == 0 else f"block {first}" if tap == first + 1 else f"blocks {first} to {tap - 1}"
        drawing.box(ENCODER, y, SLIM, BOX, tint(part), COLOURS[part])
        drawing.text(ENCODER + SLIM / 2, y + 47, label, size=13, anchor="middle", bold=True)
        if level:
            drawing.steps(ENCODER + SLIM / 2, (y - ROW, y))
        drawing.tap(y, shape)


def draw_behind(drawing: NetworkDrawing, parts: Mapping[str, Part], prefix: str, prediction: str, levels: int) -> None:
    """The reassembly, fusion and head of one of several decoders, and its outputs."""
    own = {name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)}
    drawing.decoder(own, [name for name in own if name.startswith("reassemble.") and name.count(".") == 1])
    places = spread(2, levels)
    predicted, trust, *described = parts[prefix.removesuffix(".")].outputs
    drawing.outputs(["head"], places, own, prediction, predicted)
    drawing.text(RIGHT + WIDTH / 2, places[-1] + BOX + 12, f"confidence, {spelled(trust)}", size=12, anchor="middle")
    for line, (what, shape) in enumerate(zip(("descriptors", "their confidence"), described, strict=False), 2):
        drawing.text(RIGHT + WIDTH / 2, places[-1] + BOX + 12 + 16 * (line - 1), f"{what}, {spelled(shape)}", size=12, anchor="middle")


def _draw_exchange(drawing: NetworkDrawing, height: float) -> None:
    """The two stacks of blocks run in step and attend to each other."""
    above = TOP + ROW * 2 + BOX / 2
    for x, begin, end in ((ENCODER - 21, above + 12, above + 12 + height), (ENCODER - 33, above - 12 + height, above - 12)):
        drawing.arrow((ENCODER, begin), (x, begin), (x, end), (ENCODER - 2, end))
    drawing.text(ENCODER, TOP + height - APART + 4, "every block also attends to the other view", size=12, fill=PALE)


def all_decoders(parts: Mapping[str, Part], several: str, decoders: Sequence[str]) -> dict[str, Part]:
    """The parts in the paper's order, those of all decoders added up."""
    whole = {name: part for name, part in parts.items() if "." not in name and name != several}
    behind = [name for name in BEHIND if f"{several}.{decoders[0]}.{name}" in parts]
    return {**whole, **{name: together([parts[f"{several}.{decoder}.{name}"] for decoder in decoders]) for name in behind}}
