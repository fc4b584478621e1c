"""One furnished room, put together by hand."""

from __future__ import annotations

import numpy as np

from .render import Camera, Light, Scene, Thing
from .scenes import turned, wall
from .shapes import Box, Cone, Cylinder, Plane, Sphere, Torus
from .textures import BRICK, CHECKER, CLOUDS, GRADIENT, PLAID, PLAIN, STRIPES, WOOD, Pattern, Texture

Colour = tuple[float, float, float]

WIDE, LONG, HIGH = 4.6, 5.6, 2.6
OAK = Texture(WOOD, (0.40, 0.24, 0.12), (0.17, 0.09, 0.045), 0.6, np.pi / 2, grain=0.3)
PALE_WOOD = Texture(WOOD, (0.62, 0.46, 0.28), (0.36, 0.24, 0.13), 0.5, grain=0.2)
PLASTER = Texture(CLOUDS, (0.70, 0.68, 0.62), (0.78, 0.76, 0.71), 0.9, grain=0.12)


def _paint(colour: Colour, other: Colour | None = None, pattern: Pattern = PLAIN, period: float = 0.2, grain: float = 0.25) -> Texture:
    return Texture(pattern, colour, other or colour, period, grain=grain)


def _box(texture: Texture, centre: Colour, half: Colour, yaw: float = 0.0, shine: float = 0.0, glow: float = 0.0) -> Thing:
    return Thing(Box(half), texture, centre, turned(yaw), shine, glow)


def _shell() -> list[Thing]:
    bricks = Texture(BRICK, (0.42, 0.19, 0.13), (0.62, 0.56, 0.50), 0.24, grain=0.5)
    return [
        Thing(Plane(), OAK, shine=0.12, casts_shadow=False),
        Thing(Plane(), _paint((0.8, 0.79, 0.76), grain=0.05), (0, 0, HIGH), casts_shadow=False),
        wall((0, 0, 0), (1, 0, 0), PLASTER),
        wall((WIDE, 0, 0), (-1, 0, 0), PLASTER),
        wall((0, LONG, 0), (0, -1, 0), bricks),
        wall((0, 0, 0), (0, 1, 0), PLASTER),
        _box(_paint((0.86, 0.85, 0.82), grain=0), (WIDE / 2, LONG - 0.01, 0.06), (WIDE / 2, 0.012, 0.06)),
        _box(_paint((0.86, 0.85, 0.82), grain=0), (0.012, LONG / 2, 0.06), (0.012, LONG / 2, 0.06)),
    ]


def _window() -> list[Thing]:
    frame = _paint((0.88, 0.87, 0.84), grain=0)
    outside = Texture(GRADIENT, (0.75, 0.85, 1.0), (1.0, 1.0, 1.0), 0.5)
    pane = Thing(Box((0.005, 0.62, 0.55)), outside, (0.005, 3.1, 1.6), glow=3.5, casts_shadow=False)
    bars = [_box(frame, (0.02, 3.1 + side, 1.6), (0.03, 0.035, 0.6)) for side in (-0.64, 0.0, 0.64)]
    return [pane, *bars, *(_box(frame, (0.02, 3.1, 1.6 + up), (0.03 + (up < 0) * 0.05, 0.68, 0.035)) for up in (-0.58, 0.58))]


def _table(x: float, y: float) -> list[Thing]:
    legs = [_box(PALE_WOOD, (x + dx, y + dy, 0.36), (0.03, 0.03, 0.36)) for dx in (-0.55, 0.55) for dy in (-0.33, 0.33)]
    books = [
        _box(_paint((0.45, 0.08, 0.07)), (x - 0.30, y + 0.08, 0.775), (0.13, 0.09, 0.015), 0.2),
        _box(_paint((0.10, 0.22, 0.35)), (x - 0.29, y + 0.07, 0.803), (0.12, 0.085, 0.013), -0.15),
        _box(_paint((0.75, 0.65, 0.35)), (x - 0.30, y + 0.08, 0.826), (0.11, 0.08, 0.010), 0.45),
    ]
    vase = [
        Thing(Cylinder(0.045, 0.09), _paint((0.15, 0.35, 0.38)), (x + 0.25, y + 0.12, 0.76), shine=0.6),
        Thing(Sphere(0.085), _paint((0.15, 0.35, 0.38)), (x + 0.25, y + 0.12, 0.88), shine=0.6),
        Thing(Cylinder(0.03, 0.12), _paint((0.15, 0.35, 0.38)), (x + 0.25, y + 0.12, 0.92), shine=0.6),
    ]
    fruit = [
        Thing(Sphere(0.045), _paint((0.85, 0.38, 0.06)), (x + dx, y - 0.12 + dy, 0.81), shine=0.3) for dx, dy in ((0, 0), (0.08, 0.05))
    ]
    bowl = Thing(Torus(0.11, 0.03), _paint((0.85, 0.83, 0.78)), (x + 0.04, y - 0.1, 0.79), shine=0.5)
    return [_box(PALE_WOOD, (x, y, 0.74), (0.65, 0.42, 0.02), shine=0.15), *legs, *books, *vase, *fruit, bowl]


def _sofa(x: float, y: float) -> list[Thing]:
    cloth, cushion = _paint((0.17, 0.24, 0.30), grain=0.6), _paint((0.70, 0.45, 0.18), (0.55, 0.30, 0.12), STRIPES, 0.12)
    return [
        _box(cloth, (x, y, 0.22), (0.95, 0.42, 0.20)),
        _box(cloth, (x, y + 0.36, 0.58), (0.95, 0.11, 0.24)),
        _box(cloth, (x - 0.88, y, 0.36), (0.10, 0.42, 0.26)),
        _box(cloth, (x + 0.88, y, 0.36), (0.10, 0.42, 0.26)),
        Thing(Box((0.2, 0.07, 0.2)), cushion, (x - 0.5, y + 0.17, 0.60), turned(0.15, -0.3)),
    ]


def _shelf(x: float, y: float) -> list[Thing]:
    boards = [_box(PALE_WOOD, (x, y, up), (0.15, 0.5, 0.015)) for up in (0.05, 0.45, 0.85, 1.25, 1.65)]
    sides = [_box(PALE_WOOD, (x, y + side, 0.85), (0.15, 0.015, 0.82)) for side in (-0.5, 0.5)]
    random = np.random.default_rng(8)
    books = []
    for up in (0.465, 0.865, 1.265):
        along = -0.46
        while along < 0.30:
            thick, tall = random.uniform(0.014, 0.035), random.uniform(0.10, 0.15)
            red, green, blue = random.uniform(0.05, 0.6, 3)
            books.append(_box(_paint((red, green, blue)), (x - 0.02, y + along + thick, up + tall), (0.1, thick, tall)))
            along += 2 * thick + 0.004
    return [*boards, *sides, *books]


def _lamp(x: float, y: float) -> list[Thing]:
    metal, shade = _paint((0.08, 0.08, 0.08), grain=0), _paint((0.95, 0.82, 0.60), grain=0.1)
    return [
        Thing(Cylinder(0.14, 0.02), metal, (x, y, 0), shine=0.5),
        Thing(Cylinder(0.012, 1.45), metal, (x, y, 0), shine=0.5),
        Thing(Cone(0.22, 0.5), shade, (x, y, 1.35), glow=1.2, casts_shadow=False),
    ]


def _on_the_floor() -> list[Thing]:
    plant = _paint((0.06, 0.16, 0.05), (0.22, 0.38, 0.10), CLOUDS, 0.06, 0.9)
    leaves = ((0, 0, 0.62, 0.22), (0.14, 0.08, 0.50, 0.15), (-0.13, 0.05, 0.52, 0.16), (0.02, -0.13, 0.48, 0.15), (0.05, 0.05, 0.82, 0.14))
    return [
        _box(_paint((0.55, 0.50, 0.42), (0.30, 0.14, 0.12), PLAID, 0.35, 0.5), (2.35, 2.75, 0.006), (1.0, 0.75, 0.006), 0.06),
        Thing(Sphere(0.15), _paint((0.85, 0.83, 0.8), (0.08, 0.10, 0.35), CHECKER, 0.17), (3.15, 2.8, 0.162), turned(0.6, 0.8), shine=0.4),
        _box(Texture(PLAIN, (0.50, 0.36, 0.22), (0.5, 0.36, 0.22), 0.2, grain=0.4), (1.95, 2.35, 0.19), (0.2, 0.17, 0.17), 0.5),
        Thing(Cylinder(0.15, 0.30), _paint((0.52, 0.26, 0.15)), (4.1, 3.2, 0)),
        *(Thing(Sphere(radius), plant, (4.1 + dx, 3.2 + dy, up), turned(dx * 9, dy * 9)) for dx, dy, up, radius in leaves),
    ]


def _picture() -> list[Thing]:
    painted = Texture(CLOUDS, (0.75, 0.55, 0.25), (0.10, 0.22, 0.40), 0.35)
    return [
        _box(_paint((0.06, 0.05, 0.04), grain=0), (2.9, LONG - 0.02, 1.62), (0.46, 0.02, 0.34)),
        _box(painted, (2.9, LONG - 0.04, 1.62), (0.42, 0.01, 0.30)),
    ]


def living_room() -> Scene:
    things = [*_shell(), *_window(), *_table(1.35, 3.55), *_sofa(2.9, 5.05), *_shelf(WIDE - 0.16, 4.35), *_lamp(1.3, 5.1)]
    lights = (
        Light((0.35, 3.1, 1.65), (3.6, 3.6, 3.8), distant=False, size=0.28),
        Light((1.3, 5.0, 1.6), (0.9, 0.65, 0.35), distant=False, size=0.08),
        Light((3.2, 0.6, 2.2), (0.5, 0.5, 0.5), distant=False, size=0.5),
    )
    camera = Camera((3.05, 0.25, 1.45), yaw=np.radians(100), pitch=np.radians(-9), roll=np.radians(0.6), focal=0.78)
    return Scene((*things, *_on_the_floor(), *_picture()), lights, (0.42, 0.43, 0.46), camera)
