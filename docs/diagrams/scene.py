"""The little scene that the diagrams show: hills, a road, a tree and a house, and how near each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from muggle_convert.draw.diagrams.svg import Drawing

Colour = tuple[int, int, int]
Shade = Callable[[float, float, float], str]  # of the square with its centre at shares x and y of the picture's sides, and so wide
FAR_TO_NEAR: tuple[Colour, ...] = ((18, 14, 40), (70, 10, 100), (170, 20, 95), (228, 80, 55), (246, 160, 60), (244, 240, 200))


def paint(
    drawing: Drawing, x: float, y: float, side: float, pixels: int, shade: Shade, window: tuple[float, float, float] = (0, 0, 1)
) -> None:
    """A square of so many pixels a side, of the whole scene or of a window in it: left, top, width."""
    left, top, width = window
    step, share = side / pixels, width / pixels
    for row in range(pixels):
        shades = [shade(left + (column + 0.5) * share, top + (row + 0.5) * share, share) for column in range(pixels)]
        begin = 0
        for one, run in groupby(shades):
            count = len(list(run))
            drawing.box(x + begin * step, y + row * step, count * step, step, one, radius=0)
            begin += count


def colour(x: float, y: float, width: float = 0) -> str:
    return _hex(_look(x, y)[0])


def depth(x: float, y: float, width: float) -> str:
    """Dark where it is far, bright where it is near."""
    points = [(x + width * i / 8, y + width * j / 8) for i in (-3, -1, 1, 3) for j in (-3, -1, 1, 3)]
    near = sum(_look(*point)[1] for point in points) / len(points)
    place = min(max(near, 0.0), 0.999) * (len(FAR_TO_NEAR) - 1)
    before, after, share = FAR_TO_NEAR[int(place)], FAR_TO_NEAR[int(place) + 1], place % 1
    return _hex(round(a + share * (b - a)) for a, b in zip(before, after, strict=True))


def nearness(x: float, y: float) -> float:
    """From 0, the sky, to 1, right in front."""
    return _look(x, y)[1]


def mixed(colour: str, share: float) -> str:
    """A colour with as much white as is left."""
    return _hex(round(255 - share * (255 - int(colour[start : start + 2], 16))) for start in (1, 3, 5))


def _look(x: float, y: float) -> tuple[Colour, float]:
    """What is seen at a point, and from 0, the sky, to 1 how near it is."""
    if 0.56 < x < 0.84 and 0.42 < y < 0.72:
        return ((96, 66, 48) if 0.66 < x < 0.74 and y > 0.55 else (196, 150, 104)), 0.62
    if 0.29 < y < 0.43 and abs(x - 0.7) < 0.17 * (y - 0.24) / 0.16:
        return (158, 62, 50), 0.6
    if (x - 0.22) ** 2 + (y - 0.44) ** 2 < 0.0225:
        return (74, 128, 70), 0.8
    if 0.2 < x < 0.245 and 0.44 < y < 0.8:
        return (104, 78, 54), 0.8
    if y > 0.55:
        road = abs(x - 0.46 + 0.25 * (y - 0.55)) < 0.04 + 0.22 * (y - 0.55)
        return ((176, 170, 160) if road else (132, 168, 96)), 0.30 + 0.62 * (y - 0.55) / 0.45
    if y > 0.47 - 0.07 * (1 - abs(2 * x - 0.7)):
        return (110, 150, 120), 0.16
    return (150 + round(60 * y), 190 + round(40 * y), 232), 0.0


def _hex(channels: Iterable[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in channels)
