"""What the drawing of a network that looks across frames has beside that of one which sees pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from muggle_convert.draw.diagrams.elements import COLOURS, NetworkDrawing, together
from muggle_convert.draw.diagrams.layout import BOX, FUSION, REASSEMBLE, ROW, TOP, WIDTH
from muggle_convert.draw.diagrams.measure import Part
from muggle_convert.draw.diagrams.svg import PALE

MARK = 24.0  # side of the square that stands for looking across the frames


def are_of_a_film(parts: Mapping[str, Part]) -> bool:
    return any(name.startswith("motion.") for name in parts)


def as_drawn(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The same parts, each in one piece: coarse maps look across the frames in the middle of their reassembly."""
    motion, blocks = (_below(whole, parts) for whole in ("motion", "fusion.blocks"))
    found = dict(parts)
    for scale in ("reassemble.spatial_noscale", "reassemble.spatial_downx2"):
        found[scale] = replace(together(_below(scale, parts)), outputs=parts[f"{scale}.fuse_proj"].outputs)
    return {**found, "reassemble": together(_below("reassemble", found)), "fusion": together(blocks), "motion": together(motion)}


def draw_motion(drawing: NetworkDrawing, bottom: float) -> None:
    """Marks where two maps and two paths look across the frames."""
    middle = (REASSEMBLE + WIDTH + FUSION - MARK) / 2, FUSION + (WIDTH - MARK) / 2
    for level in (2, 3):
        _draw_mark(drawing, middle[0], TOP + ROW * level + (BOX - MARK) / 2)
        _draw_mark(drawing, middle[1], TOP + ROW * level - (ROW - BOX + MARK) / 2)
    _draw_mark(drawing, REASSEMBLE, bottom - 20)
    drawing.text(REASSEMBLE + MARK + 8, bottom - 4, "motion: every place looks at itself in the other frames", size=12, fill=PALE)


def _draw_mark(drawing: NetworkDrawing, x: float, y: float) -> None:
    drawing.box(x, y, MARK, MARK, COLOURS["motion"], radius=4)
    drawing.text(x + MARK / 2, y + 16, "t", size=13, anchor="middle", fill="#ffffff", bold=True)


def _below(whole: str, parts: Mapping[str, Part]) -> list[Part]:
    return [part for name, part in parts.items() if name.rpartition(".")[0] == whole]
