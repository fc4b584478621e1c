"""Random scenes: rooms, table tops and outdoor places, each from a seed.

Training scenes hold boxes and spheres with one set of textures; evaluation scenes hold cylinders, cones, rings and stacks of
them with another, and the two share nothing but flat ground, walls and sky.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .render import Camera, Light, Scene, Sky, Thing
from .shapes import Array, Box, Cone, Cylinder, Plane, Sphere, Torus
from .textures import CLOUDS, SEEN, UNSEEN, Pattern, Texture, random_colour, random_texture

ObjectMaker = Callable[[np.random.Generator, "World", float, float, float], list[Thing]]
PlaceMaker = Callable[[np.random.Generator, "World"], Scene]


@dataclass(frozen=True)
class World:
    """What a scene may be made of."""

    patterns: tuple[Pattern, ...]
    objects: tuple[ObjectMaker, ...]
    places: tuple[PlaceMaker, ...]


def turned(yaw: float, tilt: float = 0.0) -> Array:
    """Rotation about the vertical by `yaw`, after leaning over by `tilt`."""
    cos, sin, lean, rise = np.cos(yaw), np.sin(yaw), np.cos(tilt), np.sin(tilt)
    about_z = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, lean, -rise], [0, rise, lean]])
    return np.asarray(about_z @ about_x, np.float32)


def _paint(random: np.random.Generator, world: World, size: float) -> Texture:
    return random_texture(random, world.patterns, (0.15 * size, 1.0 * size))


def _shine(random: np.random.Generator) -> float:
    return float(random.choice((0.0, 0.0, random.uniform(0.1, 0.8))))


def _box(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    half = (size / 2 * random.uniform(0.5, 1.2), size / 2 * random.uniform(0.5, 1.2), size / 2 * random.uniform(0.4, 2.0))
    return [Thing(Box(half), _paint(random, world, size), (x, y, half[2]), turned(random.uniform(0, np.pi)), _shine(random))]


def _sphere(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    spin = turned(random.uniform(0, np.pi), random.uniform(0, np.pi))
    return [Thing(Sphere(size / 2), _paint(random, world, size), (x, y, size / 2), spin, _shine(random))]


def _table(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    long, wide, tall = size * random.uniform(0.5, 0.9), size * random.uniform(0.3, 0.6), size * random.uniform(0.5, 0.9)
    texture, rotation = _paint(random, world, size), turned(random.uniform(0, np.pi))
    top, leg = 0.03 * size + 0.01, 0.035 * size + 0.01
    parts = [Thing(Box((long, wide, top)), texture, (x, y, tall), rotation)]
    for side, end in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        foot = rotation @ np.array([end * (long - leg), side * (wide - leg), 0], np.float32)
        place = (x + float(foot[0]), y + float(foot[1]), (tall - top) / 2)
        parts.append(Thing(Box((leg, leg, (tall - top) / 2)), texture, place, rotation))
    return parts


def _cylinder(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    shape = Cylinder(size / 2 * random.uniform(0.4, 1.0), size * random.uniform(0.4, 2.0))
    return [Thing(shape, _paint(random, world, size), (x, y, 0.0), turned(random.uniform(0, np.pi)), _shine(random))]


def _cone(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    shape = Cone(size / 2 * random.uniform(0.6, 1.1), size * random.uniform(0.6, 1.8))
    return [Thing(shape, _paint(random, world, size), (x, y, 0.0), turned(random.uniform(0, np.pi)), _shine(random))]


def _torus(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    tube = size * random.uniform(0.1, 0.2)
    ring, texture = size * 0.6 - tube, _paint(random, world, size)
    if random.random() < 0.5:
        return [Thing(Torus(ring, tube), texture, (x, y, tube), turned(random.uniform(0, np.pi)), _shine(random))]
    return [Thing(Torus(ring, tube), texture, (x, y, ring + tube), turned(random.uniform(0, np.pi), np.pi / 2), _shine(random))]


def _stack(random: np.random.Generator, world: World, x: float, y: float, size: float) -> list[Thing]:
    """A drum with something on it: shapes that no training scene has, in a place where none stands."""
    drum = Cylinder(size / 2 * random.uniform(0.7, 1.0), size * random.uniform(0.4, 1.0))
    parts = [Thing(drum, _paint(random, world, size), (x, y, 0.0), turned(random.uniform(0, np.pi)))]
    small = size * random.uniform(0.5, 0.8)
    top = random.integers(3)
    texture = _paint(random, world, small)
    if top == 0:
        parts.append(Thing(Sphere(small / 2), texture, (x, y, drum.height + small / 2), None, _shine(random)))
    elif top == 1:
        parts.append(Thing(Cone(small / 2, small * 1.3), texture, (x, y, drum.height), None, _shine(random)))
    else:
        parts.append(Thing(Torus(small * 0.35, small * 0.15), texture, (x, y, drum.height + small * 0.15), None, _shine(random)))
    return parts


def _scatter(
    random: np.random.Generator,
    world: World,
    camera: Camera,
    count: int,
    distance: tuple[float, float],
    size: tuple[float, float],
    area: tuple[float, float] | None,
) -> list[Thing]:
    """Objects on the ground, mostly in view, apart from each other and inside `area` (0 to width, 0 to length) where there are walls."""
    things: list[Thing] = []
    taken: list[tuple[float, float, float]] = []
    spread = np.arctan(0.6 / camera.focal)
    for _ in range(4 * count):
        if len(taken) == count:
            break
        away = float(np.exp(random.uniform(np.log(distance[0]), np.log(distance[1]))))
        angle = camera.yaw + random.uniform(-spread, spread)
        big = float(random.uniform(*size)) * float(np.clip(away / distance[0] / 2, 0.4, 1.0))
        x, y = camera.position[0] + away * float(np.cos(angle)), camera.position[1] + away * float(np.sin(angle))
        if away < 0.8 * big + 0.3 * distance[0]:
            continue
        if area is not None and not (0.6 * big < x < area[0] - 0.6 * big and 0.6 * big < y < area[1] - 0.6 * big):
            continue
        if any(np.hypot(x - other_x, y - other_y) < 0.6 * (big + other) for other_x, other_y, other in taken):
            continue
        taken.append((x, y, big))
        things += world.objects[random.integers(len(world.objects))](random, world, x, y, big)
    return things


def _white(random: np.random.Generator, strength: float, tint: float = 0.15) -> tuple[float, float, float]:
    red, green, blue = strength * (1 + tint * random.uniform(-1, 1, 3))
    return float(red), float(green), float(blue)


def _look(random: np.random.Generator, position: tuple[float, float, float], yaw: float, pitch: tuple[float, float], sway: float) -> Camera:
    """A camera between these pitches in degrees, swaying a little to the side, with some lens between wide and normal."""
    tilt, roll = np.radians(random.uniform(*pitch)), np.radians(random.normal(0, sway))
    focal = 0.5 / np.tan(random.uniform(np.radians(50), np.radians(76)) / 2)
    return Camera(position, yaw, float(tilt), float(roll), float(focal))


def wall(position: tuple[float, float, float], towards: tuple[float, float, float], texture: Texture) -> Thing:
    """An infinite plane through `position`; its texture runs along the wall and up."""
    normal = np.asarray(towards, np.float32)
    along = np.array([-normal[1], normal[0], 0], np.float32)
    return Thing(Plane(), texture, position, np.stack([along, np.cross(normal, along), normal], axis=1), casts_shadow=False)


def _flat(height: float, texture: Texture) -> Thing:
    return Thing(Plane(), texture, (0.0, 0.0, height), casts_shadow=False)


def _at_wall(random: np.random.Generator, world: World, area: tuple[float, float], ceiling: float) -> list[Thing]:
    """A cupboard standing at a wall, or a picture or door on it."""
    side = int(random.integers(4))
    run = area[1] if side < 2 else area[0]
    if random.random() < 0.4:
        half = (random.uniform(0.15, 0.35), random.uniform(0.25, 0.9), random.uniform(0.3, 0.5 * ceiling))
        height = half[2]
    else:
        half = (0.02, random.uniform(0.2, 0.8), random.uniform(0.2, 0.5))
        height = random.uniform(half[2] + 0.05, ceiling - half[2] - 0.05)
    where = random.uniform(half[1], max(run - half[1], half[1] + 0.01))
    x, y = ((half[0], where), (area[0] - half[0], where), (where, half[0]), (where, area[1] - half[0]))[side]
    glow = float(random.uniform(0.5, 1.5)) if half[0] == 0.02 and random.random() < 0.3 else 0.0
    return [Thing(Box(half), _paint(random, world, 1.0), (x, y, height), turned(0 if side < 2 else np.pi / 2), glow=glow)]


def room(random: np.random.Generator, world: World) -> Scene:
    area, ceiling = (random.uniform(3, 7), random.uniform(3.5, 9)), random.uniform(2.3, 3.6)
    while True:
        x, y, yaw = random.uniform(0.4, area[0] - 0.4), random.uniform(0.4, area[1] - 0.4), random.uniform(-np.pi, np.pi)
        ahead_x, ahead_y = x + 2.5 * np.cos(yaw), y + 2.5 * np.sin(yaw)
        if 0 < ahead_x < area[0] and 0 < ahead_y < area[1]:
            break
    camera = _look(random, (x, y, random.uniform(0.9, min(1.9, ceiling - 0.4))), yaw, (-25, 4), 2)
    usual = random_texture(random, world.patterns, (0.2, 2.0))
    textures = [usual if random.random() < 0.7 else random_texture(random, world.patterns, (0.2, 2.0)) for _ in range(4)]
    things = [
        _flat(0.0, random_texture(random, world.patterns, (0.2, 1.5))),
        _flat(ceiling, random_texture(random, world.patterns, (0.5, 3.0))),
        wall((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), textures[0]),
        wall((area[0], 0.0, 0.0), (-1.0, 0.0, 0.0), textures[1]),
        wall((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), textures[2]),
        wall((0.0, area[1], 0.0), (0.0, -1.0, 0.0), textures[3]),
    ]
    for _ in range(random.integers(5)):
        things += _at_wall(random, world, area, ceiling)
    things += _scatter(random, world, camera, int(random.integers(2, 8)), (1.2, 6.0), (0.3, 1.3), area)
    lights = tuple(
        Light(
            (random.uniform(0.3, area[0] - 0.3), random.uniform(0.3, area[1] - 0.3), ceiling - random.uniform(0.1, 0.6)),
            _white(random, random.uniform(0.6, 1.4)),
            distant=False,
        )
        for _ in range(random.integers(1, 3))
    )
    return Scene(tuple(things), lights, _white(random, random.uniform(0.25, 0.6)), camera)


def _sun(random: np.random.Generator) -> Light:
    around, up = random.uniform(-np.pi, np.pi), np.radians(random.uniform(20, 75))
    place = (float(np.cos(around) * np.cos(up)), float(np.sin(around) * np.cos(up)), float(np.sin(up)))
    return Light(place, _white(random, random.uniform(0.4, 1.3)), distant=True)


def _sky(random: np.random.Generator) -> Sky:
    clouds = random_texture(random, (CLOUDS,), (0.4, 2.0)) if random.random() < 0.6 else None
    kind = random.random()
    if kind < 0.5:
        return Sky(_white(random, 0.8), (random.uniform(0.1, 0.4), random.uniform(0.3, 0.6), random.uniform(0.6, 1.0)), clouds)
    if kind < 0.75:
        return Sky(_white(random, 0.7), _white(random, random.uniform(0.3, 0.8)), clouds)
    return Sky(random_colour(random), random_colour(random), clouds)


def table_top(random: np.random.Generator, world: World) -> Scene:
    """Looking down at a surface with things on it; in other units a square with kiosks."""
    unit = float(np.exp(random.uniform(np.log(0.5), np.log(3.0))))
    camera = _look(random, (0.0, 0.0, unit * random.uniform(0.7, 1.5)), random.uniform(-np.pi, np.pi), (-55, -25), 3)
    ground = _flat(0.0, random_texture(random, world.patterns, (0.2 * unit, 2.0 * unit)))
    things = _scatter(random, world, camera, int(random.integers(3, 9)), (0.8 * unit, 3.5 * unit), (0.2 * unit, 0.8 * unit), None)
    return Scene((ground, *things), (_sun(random),), _white(random, random.uniform(0.3, 0.7)), camera, _sky(random))


def outdoors(random: np.random.Generator, world: World) -> Scene:
    """Flat ground to the horizon, large things far away and small ones near by, sometimes a wall or a street between two."""
    camera = _look(random, (0.0, 0.0, random.uniform(1.0, 3.0)), random.uniform(-np.pi, np.pi), (-20, 4), 2)
    things = [_flat(0.0, random_texture(random, world.patterns, (0.4, 5.0)))]
    things += _scatter(random, world, camera, int(random.integers(2, 7)), (2.0, 10.0), (0.4, 2.0), None)
    things += _scatter(random, world, camera, int(random.integers(1, 7)), (8.0, 35.0), (3.0, 10.0), None)
    if random.random() < 0.5:
        facade = random_texture(random, world.patterns, (0.5, 4.0))
        aside, along = camera.yaw + random.choice((-1, 1)) * np.pi / 2, camera.yaw + random.uniform(-0.35, 0.35)
        gap, far, tall = random.uniform(2.5, 7.0), random.uniform(8, 25), random.uniform(1.0, 6.0)
        for direction in (aside, aside + np.pi)[: random.integers(1, 3)]:
            x, y = (gap + 1) * np.cos(direction) + far * np.cos(along), (gap + 1) * np.sin(direction) + far * np.sin(along)
            things.append(Thing(Box((far, 1.0, tall)), facade, (x, y, tall), turned(along)))
    return Scene(tuple(things), (_sun(random),), _white(random, random.uniform(0.3, 0.7)), camera, _sky(random))


PLACES = (room, room, outdoors, table_top)
TRAINING_WORLD = World(SEEN, (_box, _box, _box, _sphere, _sphere, _table), PLACES)
UNSEEN_WORLD = World(UNSEEN, (_cylinder, _cone, _torus, _stack), PLACES)


def random_scene(seed: tuple[int, ...], world: World) -> Scene:
    random = np.random.default_rng(seed)
    return world.places[random.integers(len(world.places))](random, world)
