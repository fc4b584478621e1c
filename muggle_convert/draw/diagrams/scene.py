"""A network of any number of views as a drawing: one encoder and one aggregator, a decoder for each map, and cameras."""

from __future__ import annotations

from collections.abc import Mapping

from model_defs.config import VGGTConfig
from muggle_convert.draw.diagrams.elements import NetworkDrawing
from muggle_convert.draw.diagrams.layout import BOX, ENCODER, RIGHT, ROW, SLIM, TOP, WIDTH, spread
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE
from muggle_convert.draw.diagrams.views import APART, all_decoders, draw_behind

ALONE = ("patch_embed", "posenc", "imgencoder")  # what sees every view alone


def draw_scene(encoder: VGGTConfig, parts: Mapping[str, Part], image: Shape, title: str) -> str:
    """The whole drawing as SVG: a row of parts for each map, from left to right as for a single picture, and the cameras below."""
    maps = [name.partition(".")[2] for name in parts if name.startswith("maps.") and name.count(".") == 1]
    levels = len(encoder.taps)
    height = ROW * levels + APART
    cameras = TOP + len(maps) * height - APART + 30  # where their box begins
    drawing = NetworkDrawing(RIGHT + WIDTH + 30, cameras + ROW + 246, title)
    drawing.heading(parts[""], f"two views of {image[1]} × {image[2]} pixels")
    for number, name in enumerate(maps):
        with drawing.moved(0, number * height):
            drawing.inputs(ALONE, spread(len(ALONE) + 1, levels)[::-1], parts, "each view", image, is_repeated=number > 0)
            drawing.stack("aggregator", encoder.taps, "pair", parts, is_repeated=number > 0)
            draw_behind(drawing, parts, f"maps.{name}.", name, levels)
    drawing.steps(ENCODER + SLIM / 2, (cameras - 30 - ROW, cameras))
    drawing.part(ENCODER, cameras, "cameras", parts)
    drawing.text(ENCODER + WIDTH + 12, cameras + BOX / 2, "from the camera tokens of the last pair", size=12, fill=PALE)
    drawing.shares(all_decoders(parts, "maps", maps), cameras + ROW + 28)
    return drawing.svg()
