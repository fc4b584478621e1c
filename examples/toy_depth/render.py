"""Casts one ray per pixel: a colour picture and the exact depth along the optical axis at every pixel's centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import FAR, Array, Shape, dot
from .textures import Texture

OFF_SURFACE = np.float32(2e-3)


@dataclass(frozen=True)
class Thing:
    """A shape standing somewhere. The columns of `rotation` are the shape's own axes in the world."""

    shape: Shape
    texture: Texture
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: Array | None = None
    shine: float = 0.0
    glow: float = 0.0
    casts_shadow: bool = True

    def to_local(self, vectors: Array) -> Array:
        return vectors if self.rotation is None else self.rotation.T @ vectors

    def to_world(self, vectors: Array) -> Array:
        return vectors if self.rotation is None else self.rotation @ vectors

    def intersect(self, origin: Array, direction: Array, squared: Array) -> Array:
        """`squared` is the squared length of the directions, which all things ask for."""
        position = np.asarray(self.position, np.float32)[:, None]
        if self.shape.bounds is None:
            return self.shape.intersect(self.to_local(origin - position), self.to_local(direction))
        near = np.flatnonzero(self._within_bounds(origin, direction, squared))
        distance = np.full(direction.shape[1], FAR, np.float32)
        if near.size:
            start = origin if origin.shape[1] == 1 else origin.take(near, axis=1)
            distance[near] = self.shape.intersect(self.to_local(start - position), self.to_local(direction.take(near, axis=1)))
        return distance

    def _within_bounds(self, origin: Array, direction: Array, squared: Array) -> NDArray[np.bool_]:
        """Which rays meet the ball around the shape; most do not, and asking this costs a tenth of asking a box."""
        assert self.shape.bounds is not None
        middle, radius = self.shape.bounds
        centre = np.asarray(self.position, np.float32) + self.to_world(np.asarray(middle, np.float32))
        towards = centre[:, None] - origin
        along = (towards.T @ direction)[0] if towards.shape[1] == 1 else dot(direction, towards)
        outside = dot(towards, towards) - np.float32((1.001 * radius) ** 2)
        return np.asarray((along * np.abs(along) >= outside * squared) | (outside < 0))


@dataclass(frozen=True)
class Light:
    """A lamp at `place`, or the sun in the direction of `place` when it is distant; `size` is its radius, for soft shadows."""

    place: tuple[float, float, float]
    strength: tuple[float, float, float]
    distant: bool
    size: float = 0.0


@dataclass(frozen=True)
class Sky:
    horizon: tuple[float, float, float]
    zenith: tuple[float, float, float]
    clouds: Texture | None

    def colour(self, direction: Array) -> Array:
        up = np.clip(direction[2] / np.sqrt((direction**2).sum(axis=0)), 0.02, 1)
        horizon, zenith = np.asarray(self.horizon, np.float32)[:, None], np.asarray(self.zenith, np.float32)[:, None]
        sky = horizon + (zenith - horizon) * np.sqrt(up)
        if self.clouds is None:
            return np.asarray(sky, np.float32)
        across, along = direction[0] / (up + 0.1), direction[1] / (up + 0.1)
        cover = self.clouds.colour(across, along, np.zeros_like(across)).mean(axis=0)
        return np.asarray(sky + np.clip(cover * 1.5 - 0.5, 0, 1) * (0.95 - sky) * np.clip(4 * up, 0, 1), np.float32)


@dataclass(frozen=True)
class Camera:
    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    focal: float
    """In units of the picture's longer side."""

    def axes(self) -> Array:
        """Columns: right, down and forward in the world, where z is up."""
        forward = np.array([np.cos(self.yaw) * np.cos(self.pitch), np.sin(self.yaw) * np.cos(self.pitch), np.sin(self.pitch)])
        right = np.array([np.sin(self.yaw), -np.cos(self.yaw), 0.0])
        down = np.cross(forward, right)
        turned = np.cos(self.roll) * right + np.sin(self.roll) * down
        return np.stack([turned, np.cross(forward, turned), forward], axis=1).astype(np.float32)

    def rays(self, height: int, width: int, shift: tuple[float, float] | NDArray[np.floating] = (0.0, 0.0)) -> Array:
        """(3, H·W) directions one unit long along the optical axis, so that a ray's parameter is the pixel's depth."""
        scale = self.focal * max(height, width)
        x = (np.arange(width) + 0.5 - width / 2)[None, :].repeat(height, axis=0).ravel() + shift[0]
        y = (np.arange(height) + 0.5 - height / 2)[:, None].repeat(width, axis=1).ravel() + shift[1]
        return np.asarray(self.axes() @ np.stack([x / scale, y / scale, np.ones_like(x)]).astype(np.float32), np.float32)


@dataclass(frozen=True)
class Scene:
    things: tuple[Thing, ...]
    lights: tuple[Light, ...]
    ambient: tuple[float, float, float]
    camera: Camera
    sky: Sky | None = None


@dataclass(frozen=True)
class Quality:
    """`samples` rays per pixel for the colour; `occlusion` darkens corners with one more ray per sample, reaching that many metres."""

    samples: int = 1
    occlusion: float = 0.0


def first_hit(scene: Scene, origin: Array, direction: Array) -> tuple[Array, NDArray[np.int32]]:
    nearest = np.full(direction.shape[1], np.inf, np.float32)
    which = np.full(direction.shape[1], -1, np.int32)
    squared = dot(direction, direction)
    for index, thing in enumerate(scene.things):
        distance = thing.intersect(origin, direction, squared)
        closer = distance < nearest
        nearest[closer] = distance[closer]
        which[closer] = index
    return nearest, which


def _blocked(scene: Scene, origin: Array, direction: Array, reach: float) -> NDArray[np.bool_]:
    blocked = np.zeros(direction.shape[1], bool)
    squared = dot(direction, direction)
    for thing in scene.things:
        if thing.casts_shadow:
            blocked |= thing.intersect(origin, direction, squared) < reach
    return blocked


def _towards(light: Light, point: Array, random: np.random.Generator) -> Array:
    """Vectors from the points to the light, jittered over its size, one unit of ray parameter long (so that shadows end there)."""
    place = np.asarray(light.place, np.float32)[:, None]
    jitter = light.size * random.standard_normal(point.shape, dtype=np.float32) if light.size else np.float32(0)
    towards = place + jitter if light.distant else place + jitter - point
    return np.broadcast_to(towards, point.shape)


def _shade(scene: Scene, origin: Array, direction: Array, pixel: float, quality: Quality, random: np.random.Generator) -> Array:
    depth, which = first_hit(scene, origin, direction)
    picture = np.zeros_like(direction)
    missed = which < 0
    if scene.sky is not None and missed.any():
        picture[:, missed] = scene.sky.colour(direction[:, missed])
    hit = np.flatnonzero(~missed)
    if hit.size == 0:
        return picture
    depth, which, direction = depth[hit], which[hit], direction.take(hit, axis=1)
    point = origin + depth * direction
    view = direction / np.sqrt(dot(direction, direction))
    normal, albedo = np.empty_like(point), np.empty_like(point)
    shine, glow = np.zeros_like(depth), np.zeros_like(depth)
    for index in np.unique(which):
        thing, here = scene.things[index], np.flatnonzero(which == index)
        local = thing.to_local(point.take(here, axis=1) - np.asarray(thing.position, np.float32)[:, None])
        facing = thing.to_world(thing.shape.normal(local))
        against = dot(facing, view.take(here, axis=1))
        footprint = depth[here] * np.float32(pixel) / np.maximum(np.abs(against), 0.05)
        colour = thing.texture.colour(*thing.shape.surface(local), footprint)
        facing = facing * -np.sign(against)
        for axis in range(3):
            normal[axis][here], albedo[axis][here] = facing[axis], colour[axis]
        shine[here], glow[here] = thing.shine, thing.glow
    lifted = point + normal * OFF_SURFACE
    around = 0.75 + 0.25 * normal[2]
    if quality.occlusion:
        aim = np.asarray(random.standard_normal(point.shape, dtype=np.float32))
        aim = aim / np.sqrt((aim**2).sum(axis=0)) + normal * np.float32(1.001)
        around = around * np.where(_blocked_by_all(scene, lifted, aim, quality.occlusion), np.float32(0.25), 1)
    light = np.asarray(scene.ambient, np.float32)[:, None] * around
    gloss = np.zeros_like(point)
    for lamp in scene.lights:
        towards = _towards(lamp, point, random)
        distance = np.sqrt(dot(towards, towards))
        slope = dot(normal, towards) / distance
        lit = np.flatnonzero(slope > 0)
        shadow = _blocked(scene, lifted.take(lit, axis=1), towards.take(lit, axis=1), np.inf if lamp.distant else 1.0)
        lit = lit[~shadow]
        strength = np.asarray(lamp.strength, np.float32)[:, None]
        if not lamp.distant:
            strength = strength * (1 / (1 + 0.1 * distance[lit] ** 2))
        shed = np.zeros_like(light)
        shed[:, lit] = strength * slope[lit]
        light += shed
        bright = shine[lit] > 0
        lit, strength = lit[bright], strength[:, bright] if strength.shape[1] > 1 else strength
        halfway = towards.take(lit, axis=1) / distance[lit] - view.take(lit, axis=1)
        halfway /= np.maximum(np.sqrt(dot(halfway, halfway)), 1e-6)
        gloss[:, lit] += strength * shine[lit] * np.maximum(dot(halfway, normal.take(lit, axis=1)), 0) ** 40
    picture[:, hit] = albedo * (light + glow) + gloss
    return picture


def _blocked_by_all(scene: Scene, origin: Array, direction: Array, reach: float) -> NDArray[np.bool_]:
    """Walls darken a corner too, although they cast no shadow from the lamp in front of them."""
    return first_hit(scene, origin, direction)[0] < reach


def depth_map(scene: Scene, height: int, width: int) -> Array:
    """(H, W) metres along the optical axis; infinite where the sky is."""
    origin = np.asarray(scene.camera.position, np.float32)[:, None]
    return first_hit(scene, origin, scene.camera.rays(height, width))[0].reshape(height, width)


def light_map(scene: Scene, height: int, width: int, quality: Quality, random: np.random.Generator) -> Array:
    """(H, W, 3) linear light: the mean of jittered rays, one per cell of a grid over the pixel."""
    origin = np.asarray(scene.camera.position, np.float32)[:, None]
    pixel = 1 / (scene.camera.focal * max(height, width))
    grid = int(np.ceil(np.sqrt(quality.samples)))
    total = np.zeros((3, height * width), np.float32)
    for sample in range(quality.samples):
        cell = np.array([[sample % grid], [sample // grid]], np.float32)
        shift = (cell + random.random((2, height * width), dtype=np.float32)) / grid - 0.5
        total += _shade(scene, origin, scene.camera.rays(height, width, shift), pixel, quality, random)
    return np.asarray((total / quality.samples).T.reshape(height, width, 3), np.float32)


def develop(light: Array, exposure: float, noise: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """From linear light to eight bits as a camera does: exposed by the picture's own mean, sensor noise, a soft shoulder, gamma."""
    exposed = light * (exposure / max(float(light.mean()), 1e-6))
    if noise:
        exposed = exposed + noise * np.sqrt(np.maximum(exposed, 0.01)) * random.standard_normal(exposed.shape, dtype=np.float32)
    exposed = np.maximum(exposed, 0)
    toned = exposed * (1 + exposed) / (1 + exposed + 0.5 * exposed**2)
    return np.asarray(np.clip(toned ** (1 / 2.2), 0, 1) * 255 + 0.5, np.uint8)
