"""Metric bins: for one pixel, how its bins move from path to path, and how much each counts in the end."""

from __future__ import annotations

import math

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing

VIOLET, RED = COLOURS["fusion"], COLOURS["head"]
FIRST = (0.4, 0.9, 1.5, 2.1, 2.9, 3.7, 4.6, 5.5, 6.5, 7.5, 8.5, 9.5)  # metres
ATTRACTORS = ((1.2, 3.1, 4.3, 6.0, 8.9), (2.6, 4.1, 5.0), (3.4, 4.4), (4.0,))
PATHS = ("blocks.3", "blocks.2", "blocks.1", "blocks.0")
TOP, METRE = 112.0, 27.0


def draw() -> str:
    drawing = Drawing(1120, 472, "Metric bins: centres that move, and how much each of them counts")
    drawing.text(36, 44, "one pixel's bins", size=15, bold=True)
    drawing.text(36, 64, "every path moves the centres that the coarser ones left", size=12.5, fill=PALE)
    drawing.text(872, 44, "shares", size=15, bold=True)
    drawing.text(872, 64, "how much each bin counts", size=12.5, fill=PALE)
    for metres in (0, 2, 4, 6, 8, 10):
        drawing.text(52, _height(metres) + 4, f"{metres} m", size=12, anchor="end", fill=PALE)
    centres = FIRST
    _ruler(drawing, 84, centres, "coarsest map")
    for number, (path, points) in enumerate(zip(PATHS, ATTRACTORS, strict=True)):
        x, before = 84 + 180 * (number + 1), centres
        centres = tuple(_pulled(centre, points) for centre in before)
        for one, other in zip(before, centres, strict=True):
            drawing.line((x - 144, _height(one)), (x, _height(other)), stroke=scene.mixed(VIOLET, 0.35), width=1)
        _ruler(drawing, x, centres, path)
        for point in points:
            y = _height(point)
            drawing.polygon([(x - 9, y), (x - 19, y - 5.5), (x - 19, y + 5.5)], RED)
    _shares(drawing, 872, centres)
    drawing.polygon([(94, 438), (84, 432.5), (84, 443.5)], RED)
    drawing.text(104, 442, "an attractor; how far it pulls is drawn larger than it is", size=12.5, fill=PALE)
    return drawing.svg()


def _height(metres: float) -> float:
    return TOP + METRE * metres


def _pulled(centre: float, points: tuple[float, ...]) -> float:
    """As the network does it, with a reach that can be seen."""
    return centre + 1.4 * sum((point - centre) / (1 + 2 * (point - centre) ** 2) for point in points) / len(points)


def _ruler(drawing: Drawing, x: float, centres: tuple[float, ...], name: str) -> None:
    drawing.box(x, TOP - 8, 36, 10 * METRE + 16, scene.mixed(VIOLET, 0.1), VIOLET)
    for centre in centres:
        drawing.line((x + 5, _height(centre)), (x + 31, _height(centre)), stroke=VIOLET, width=2)
    drawing.text(x + 18, TOP - 18, name, size=12.5, anchor="middle", bold=True)


def _shares(drawing: Drawing, x: float, centres: tuple[float, ...]) -> None:
    """A binomial distribution over the bins, and the mean that is the prediction."""
    others, chance = len(centres) - 1, 0.5
    shares = [math.comb(others, number) * chance**number * (1 - chance) ** (others - number) for number in range(len(centres))]
    for centre, share in zip(centres, shares, strict=True):
        drawing.box(x, _height(centre) - 2, 620 * share, 4, RED, radius=1)
    mean = sum(centre * share for centre, share in zip(centres, shares, strict=True))
    drawing.line((x - 6, _height(mean)), (x + 166, _height(mean)), stroke="#26262a", width=1.2)
    drawing.text(x + 172, _height(mean) + 4, f"{mean:.1f} m", size=14, bold=True)
