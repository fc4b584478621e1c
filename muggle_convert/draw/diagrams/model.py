"""A network as a drawing: its parts in the paper's order, the shapes they pass on, and where its parameters and FLOPs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model_defs.config import CroCoConfig, DINOv2ViewsConfig, DPTConfig, VGGTConfig
from muggle_convert.draw.diagrams.any_view import draw_any_view
from muggle_convert.draw.diagrams.beside import draw_paths, draw_product, draw_prompt, draw_sky
from muggle_convert.draw.diagrams.elements import COLOURS, NetworkDrawing, between, tint
from muggle_convert.draw.diagrams.films import are_of_a_film, as_drawn, draw_motion
from muggle_convert.draw.diagrams.layout import BOX, ENCODER, HEADING, LEFT, RIGHT, ROW, SLIM, TOP, WIDTH, spread
from muggle_convert.draw.diagrams.measure import Part, Shape
from muggle_convert.draw.diagrams.scene import draw_scene
from muggle_convert.draw.diagrams.views import draw_views

ROWS = 4  # where there is no decoder to tell


def draw_network(config: DPTConfig, parts: Mapping[str, Part], rows: int, columns: int, title: str) -> str:
    """The whole drawing as SVG; data flows up on the left, down the encoder, across, up the fusion and down on the right."""
    if isinstance(config.encoder, CroCoConfig):
        return draw_views(config.encoder, parts, (config.image.channels, rows, columns), title)
    if isinstance(config.encoder, VGGTConfig):
        return draw_scene(config.encoder, parts, (config.image.channels, rows, columns), title)
    if isinstance(config.encoder, DINOv2ViewsConfig):
        return draw_any_view(config.encoder, parts, (config.image.channels, rows, columns), title)
    is_film = are_of_a_film(parts)
    parts = as_drawn(parts) if is_film else parts
    levels = [name for name in parts if name.startswith("reassemble.") and name.count(".") == 1]
    count = len(levels) or ROWS
    bottom = TOP + ROW * count
    drawing = NetworkDrawing(RIGHT + WIDTH + 30, bottom + 246, title)
    prompted = ", and a prompt that every fusion block sees" if config.head.kind == "prompted depth" else ""
    drawing.heading(parts[""], f"{'two frames' if is_film else 'a picture'} of {rows} × {columns} pixels{prompted}")
    _draw_inputs(drawing, parts, (config.image.channels, rows, columns), count)
    _draw_encoder(drawing, config, parts, count)
    if levels:
        _draw_decoder(drawing, config, parts, levels, (rows, columns))
    else:
        draw_product(drawing, parts, count, parts[""].outputs[0])
    if is_film:
        draw_motion(drawing, bottom)
    drawing.shares(parts, bottom + 28)
    return drawing.svg()


def _draw_decoder(drawing: NetworkDrawing, config: DPTConfig, parts: Mapping[str, Part], levels: Sequence[str], size: Shape) -> None:
    """From what is tapped to the prediction, with what only some networks have."""
    drawing.decoder(parts, levels)
    known = ("", "patch_embed", "posenc", "imgencoder", "reassemble", "fusion", "motion")
    heads = [name for name in parts if "." not in name and name not in known]  # and what stands before or after the head
    places = spread(len(heads) + 1, len(levels))
    predicted, *others = parts[""].outputs
    drawing.outputs(heads, places, parts, "prediction", predicted)
    if config.head.kind == "depth and sky":
        draw_sky(drawing, places[0], others[0])
    if "bins" in parts:
        draw_paths(drawing, len(levels), places[heads.index("bins")])
    if config.head.kind == "prompted depth":
        draw_prompt(drawing, len(levels), (1, *size))


def _draw_inputs(drawing: NetworkDrawing, parts: Mapping[str, Part], image: Shape, levels: int) -> None:
    """From the picture to the first of the encoder's rows."""
    names = [name for name in ("patch_embed", "posenc") if name in parts]
    first = len(parts["patch_embed"].outputs) - 1
    places = [TOP + ROW * row for row in range(first + 1)] if first else spread(len(names) + 1, levels)[::-1]
    drawing.inputs(names, places, parts, "picture", image)


def _draw_encoder(drawing: NetworkDrawing, config: DPTConfig, parts: Mapping[str, Part], levels: int) -> None:
    """The encoder as one column, divided at its taps; above it the tapped stages of a hybrid's patch embedding."""
    part, early = parts["imgencoder"], parts["patch_embed"].outputs[1:]
    top = TOP + ROW * len(early)
    below = TOP + ROW * levels  # where there is room for the name if not above
    drawing.column_heading(ENCODER, SLIM, "imgencoder", part, below - 9 if early else HEADING)
    drawing.box(ENCODER, top, SLIM, TOP + ROW * (levels - 1) + BOX - top, tint("imgencoder"), COLOURS["imgencoder"])
    for level in range(len(early)):
        y, corner, middle = TOP + ROW * level, (LEFT + WIDTH + ENCODER) / 2, TOP + ROW * (len(early) - 1) + BOX / 2
        drawing.box(ENCODER, y, SLIM, BOX, tint("patch_embed"), COLOURS["patch_embed"])
        drawing.arrow((LEFT + WIDTH, middle), (corner, middle), (corner, y + BOX / 2), (ENCODER - 2, y + BOX / 2))
    steps = _steps(config.encoder)
    tapped = [*early, *part.outputs][: len(steps)]  # cameras may come after what is tapped
    for level, (label, shape) in enumerate(zip(steps, tapped, strict=True)):
        y = TOP + ROW * level
        for number, line in enumerate(label):
            drawing.text(ENCODER + SLIM / 2, y + 47 - 9 * (len(label) - 1) + 18 * number, line, size=13, anchor="middle", bold=number == 0)
        if level > len(early):
            drawing.line((ENCODER + 14, y - 16), (ENCODER + SLIM - 14, y - 16), stroke=COLOURS["imgencoder"], width=1)
        drawing.tap(y, shape)


def _steps(encoder: Any) -> list[tuple[str, ...]]:
    """What lies between taps, in words."""
    stages = [(f"stage {number}", "of patch_embed") for number in range(2)] if encoder.kind == "hybrid" else []
    if not hasattr(encoder, "taps"):
        return [(f"stage {number}", f"{depth} blocks") for number, depth in enumerate(encoder.depths)]
    what = "stage" if encoder.kind == "efficientnet_lite" else "block"
    return stages + [(label,) for label in between(encoder.taps, what)]
