"""A network of any number of views as a drawing: one encoder and one reassembly, a fusion for depth and one for rays, and cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from model_defs.config import DINOv2ViewsConfig
from muggle_convert.draw.diagrams.elements import NetworkDrawing, spelled, together
from muggle_convert.draw.diagrams.layout import BOX, ENCODER, FUSION, LEFT, RIGHT, ROW, SLIM, TOP, WIDTH, spread
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.svg import PALE
from muggle_convert.draw.diagrams.views import APART

ALONE = ("patch_embed", "posenc")  # what sees every view alone
MAPS = (("depth", "fusion", "head"), ("rays", "ray_fusion", "ray_head"))


def draw_any_view(encoder: DINOv2ViewsConfig, parts: Mapping[str, Part], image: Shape, title: str) -> str:
    """The whole drawing as SVG: depth above, rays below, and the cameras last."""
    levels = [name for name in parts if name.startswith("reassemble.") and name.count(".") == 1]
    height = ROW * len(levels) + APART
    cameras = TOP + len(MAPS) * height - APART + 30  # where their boxes begin
    drawing = NetworkDrawing(RIGHT + WIDTH + 30, cameras + ROW + 246, title)
    drawing.heading(parts[""], f"two views of {image[1]} × {image[2]} pixels")
    parts = as_drawn(encoder, parts)
    for number, (what, fusion, head) in enumerate(MAPS):
        with drawing.moved(0, number * height):
            places = spread(len(ALONE) + 1, len(levels))[::-1]
            drawing.inputs(ALONE, places, parts, "each view", image, is_repeated=number > 0)
            drawing.stack("imgencoder", encoder.taps, "block", parts, is_repeated=number > 0)
            drawing.decoder(parts, levels, fusion, is_repeated=number > 0)
            found, trust = parts[""].outputs[2 * number : 2 * number + 2]
            drawing.outputs([head], spread(2, len(levels)), parts, what, found)
            words = f"confidence, {spelled(trust)}"
            drawing.text(RIGHT + WIDTH / 2, TOP + ROW * (len(levels) - 1) + BOX + 12, words, size=12, anchor="middle")
    _draw_cameras(drawing, parts, cameras, TOP + height)
    drawing.shares(_counted(parts), cameras + ROW + 28)
    return drawing.svg()


def as_drawn(encoder: DINOv2ViewsConfig, parts: Mapping[str, Part]) -> dict[str, Part]:
    """The same parts, with the norm over what is tapped as a part of the reassembly, and what cameras become where they are told."""
    told = replace(parts["camera_encoder"], outputs=((parts["imgencoder"].outputs[0][0], encoder.width),))
    reassemble = together([parts["reassemble"], parts["tapnorm"]])
    return {**{name: part for name, part in parts.items() if name != "tapnorm"}, "reassemble": reassemble, "camera_encoder": told}


def _draw_cameras(drawing: NetworkDrawing, parts: Mapping[str, Part], y: float, lower: float) -> None:
    """What is told of them goes in among the blocks, and what is found comes out after the last; `lower` is where the second column of blocks
    begins."""
    drawing.steps(ENCODER + SLIM / 2, (y - 30 - ROW, y))
    drawing.part(ENCODER, y, "camera_decoder", parts)
    drawing.part(LEFT, y, "camera_encoder", parts)
    middle = (LEFT + WIDTH + ENCODER) / 2
    drawing.arrow((LEFT + WIDTH, y + BOX / 2), (middle, y + BOX / 2), (middle, lower + BOX - 18), (ENCODER - 2, lower + BOX - 18))
    drawing.text(LEFT, y + BOX + 18, "only where cameras are told", size=12, fill=PALE)
    drawing.text(ENCODER, y + BOX + 18, "from the camera tokens of the last block", size=12, fill=PALE)
    if "metric" in parts:
        drawing.part(FUSION, y, "metric", parts)
        drawing.text(FUSION, y + BOX + 18, "a network for one picture beside this one: metres, and the sky", size=12, fill=PALE)


def _counted(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The rooms of the paper, both fusions, both heads and all cameras added up."""
    several = {"fusion": ("fusion", "ray_fusion"), "head": ("head", "ray_head"), "cameras": ("camera_encoder", "camera_decoder")}
    gone = {name for names in several.values() for name in names}
    whole = {name: part for name, part in parts.items() if "." not in name and name not in gone}
    return {**whole, **{name: together([parts[one] for one in names]) for name, names in several.items()}}
