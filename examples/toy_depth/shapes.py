"""Shapes a ray can hit, each in its own frame (z is up, the origin is where it stands or its centre).

Everything is vectorised over rays: points and directions are (3, N) float32. `intersect` returns the ray parameter of the
first hit in front of the origin and infinity where there is none; directions need not be unit vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
NEAREST = np.float32(1e-4)
FAR = np.float32(np.inf)


Ball = tuple[tuple[float, float, float], float]
"""A centre and a radius."""


class Shape(Protocol):
    @property
    def bounds(self) -> Ball | None:
        """A ball around all of it, where there is one: a ray that misses the ball is never asked for the shape."""
        ...

    def intersect(self, origin: Array, direction: Array) -> Array: ...

    def normal(self, point: Array) -> Array: ...

    def surface(self, point: Array) -> tuple[Array, Array]:
        """Two coordinates in metres along the surface, which the textures are painted on."""
        ...


def _first_in_front(near: Array, far: Array) -> Array:
    return np.where(near > NEAREST, near, np.where(far > NEAREST, far, FAR))


def _roots(a: Array, half_b: Array, c: Array) -> tuple[Array, Array]:
    """Both solutions of a t² + 2 half_b t + c = 0, infinite where there are none."""
    discriminant = half_b * half_b - a * c
    hit = discriminant >= 0
    root = np.sqrt(np.where(hit, discriminant, 0))
    return np.where(hit, (-half_b - root) / a, FAR), np.where(hit, (-half_b + root) / a, FAR)


def dot(a: Array, b: Array) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _nonzero(values: Array) -> Array:
    return np.asarray(np.where(np.abs(values) < 1e-9, np.float32(1e-9), values), np.float32)


@dataclass(frozen=True)
class Plane:
    """The infinite plane z = 0."""

    @property
    def bounds(self) -> Ball | None:
        return None

    def intersect(self, origin: Array, direction: Array) -> Array:
        t = -origin[2] / _nonzero(direction[2])
        return np.where(t > NEAREST, t, FAR)

    def normal(self, point: Array) -> Array:
        normal = np.zeros_like(point)
        normal[2] = 1
        return normal

    def surface(self, point: Array) -> tuple[Array, Array]:
        return point[0], point[1]


@dataclass(frozen=True)
class Box:
    half: tuple[float, float, float]

    @property
    def bounds(self) -> Ball:
        return (0, 0, 0), math.hypot(*self.half)

    def intersect(self, origin: Array, direction: Array) -> Array:
        half = np.asarray(self.half, np.float32)[:, None]
        inverse = 1 / _nonzero(direction)
        to_centre = -origin * inverse
        reach = half * np.abs(inverse)
        near = (to_centre - reach).max(axis=0)
        far = (to_centre + reach).min(axis=0)
        return np.where(near <= far, _first_in_front(near, far), FAR)

    def _face(self, point: Array) -> NDArray[np.intp]:
        half = np.asarray(self.half, np.float32)[:, None]
        return np.asarray(np.argmax(np.abs(point) / half, axis=0))

    def normal(self, point: Array) -> Array:
        face = self._face(point)
        columns = np.arange(point.shape[1])
        normal = np.zeros_like(point)
        normal[face, columns] = np.sign(point[face, columns])
        return normal

    def surface(self, point: Array) -> tuple[Array, Array]:
        face = self._face(point)
        return np.where(face == 0, point[1], point[0]), np.where(face == 2, point[1], point[2])


@dataclass(frozen=True)
class Sphere:
    radius: float

    @property
    def bounds(self) -> Ball:
        return (0, 0, 0), self.radius

    def intersect(self, origin: Array, direction: Array) -> Array:
        near, far = _roots(dot(direction, direction), dot(origin, direction), dot(origin, origin) - np.float32(self.radius**2))
        return _first_in_front(near, far)

    def normal(self, point: Array) -> Array:
        return point / np.float32(self.radius)

    def surface(self, point: Array) -> tuple[Array, Array]:
        around = np.arctan2(point[1], point[0])
        up = np.arcsin(np.clip(point[2] / np.float32(self.radius), -1, 1))
        return around * np.float32(self.radius), up * np.float32(self.radius)


@dataclass(frozen=True)
class Cylinder:
    """Upright, standing on z = 0, closed above and below."""

    radius: float
    height: float

    @property
    def bounds(self) -> Ball:
        return (0, 0, self.height / 2), math.hypot(self.radius, self.height / 2)

    def intersect(self, origin: Array, direction: Array) -> Array:
        squared = np.float32(self.radius**2)
        a = _nonzero(direction[0] ** 2 + direction[1] ** 2)
        half_b = origin[0] * direction[0] + origin[1] * direction[1]
        near, far = _roots(a, half_b, origin[0] ** 2 + origin[1] ** 2 - squared)
        vertical = 1 / _nonzero(direction[2])
        floor, top = -origin[2] * vertical, (np.float32(self.height) - origin[2]) * vertical
        near = np.maximum(near, np.minimum(floor, top))
        far = np.minimum(far, np.maximum(floor, top))
        return np.where(near <= far, _first_in_front(near, far), FAR)

    def _on_cap(self, point: Array) -> NDArray[np.bool_]:
        from_caps = np.minimum(np.abs(point[2]), np.abs(point[2] - np.float32(self.height)))
        return np.asarray(from_caps < np.abs(np.hypot(point[0], point[1]) - np.float32(self.radius)))

    def normal(self, point: Array) -> Array:
        cap = self._on_cap(point)
        up = np.where(point[2] > self.height / 2, np.float32(1), np.float32(-1))
        flat = np.float32(self.radius)
        round_part = [np.where(cap, 0, point[0] / flat), np.where(cap, 0, point[1] / flat)]
        return np.asarray(np.stack([*round_part, np.where(cap, up, 0)]), np.float32)

    def surface(self, point: Array) -> tuple[Array, Array]:
        cap = self._on_cap(point)
        around = np.arctan2(point[1], point[0]) * np.float32(self.radius)
        return np.where(cap, point[0], around), np.where(cap, point[1], point[2])


@dataclass(frozen=True)
class Cone:
    """Upright, its base on z = 0 and its tip at the height."""

    radius: float
    height: float

    @property
    def bounds(self) -> Ball:
        return (0, 0, self.height / 2), math.hypot(self.radius, self.height / 2)

    def intersect(self, origin: Array, direction: Array) -> Array:
        slope = np.float32((self.radius / self.height) ** 2)
        from_tip = np.float32(self.height) - origin[2]
        a = _nonzero(direction[0] ** 2 + direction[1] ** 2 - slope * direction[2] ** 2)
        half_b = origin[0] * direction[0] + origin[1] * direction[1] + slope * from_tip * direction[2]
        candidates = _roots(a, half_b, origin[0] ** 2 + origin[1] ** 2 - slope * from_tip**2)
        nearest = np.full_like(a, FAR)
        with np.errstate(invalid="ignore"):
            for t in candidates:
                z = origin[2] + t * direction[2]
                nearest = np.where((t > NEAREST) & (z >= 0) & (z <= self.height), np.minimum(nearest, t), nearest)
            t = -origin[2] / _nonzero(direction[2])
            inside = (origin[0] + t * direction[0]) ** 2 + (origin[1] + t * direction[1]) ** 2 <= self.radius**2
        return np.where((t > NEAREST) & inside, np.minimum(nearest, t), nearest)

    def normal(self, point: Array) -> Array:
        around = np.hypot(point[0], point[1])
        base = (point[2] < 1e-3 * self.height) & (around < 0.998 * self.radius)
        outward = np.stack([point[0], point[1], around * np.float32(self.radius / self.height)])
        outward[2] = np.maximum(outward[2], 1e-6)
        outward /= np.sqrt(dot(outward, outward))
        return np.where(base, np.array([[0], [0], [-1]], np.float32), outward)

    def surface(self, point: Array) -> tuple[Array, Array]:
        return np.arctan2(point[1], point[0]) * np.float32(self.radius), point[2]


@dataclass(frozen=True)
class Torus:
    """A ring around the z axis, centred on the origin. Found by stepping along the ray as far as the distance to it allows."""

    ring: float
    tube: float

    @property
    def bounds(self) -> Ball:
        return (0, 0, 0), self.ring + self.tube

    def intersect(self, origin: Array, direction: Array) -> Array:
        origin = np.broadcast_to(origin, direction.shape)
        length = np.sqrt(dot(direction, direction))
        bound, leave = _roots(
            dot(direction, direction), dot(origin, direction), dot(origin, origin) - np.float32((self.ring + self.tube) ** 2)
        )
        result = np.full_like(length, FAR)
        rays = np.flatnonzero(np.isfinite(leave) & (leave > NEAREST))
        t = np.maximum(bound[rays], 0)
        for _ in range(64):
            point = origin[:, rays] + t * direction[:, rays]
            distance = np.hypot(np.hypot(point[0], point[1]) - np.float32(self.ring), point[2]) - np.float32(self.tube)
            arrived = distance < 1e-3 * self.tube
            result[rays[arrived]] = np.where(t[arrived] > NEAREST, t[arrived], FAR)
            t = t + distance / length[rays]
            going = ~arrived & (t < leave[rays])
            rays, t = rays[going], t[going]
            if rays.size == 0:
                break
        return result

    def normal(self, point: Array) -> Array:
        around = _nonzero(np.hypot(point[0], point[1]))
        inward = 1 - np.float32(self.ring) / around
        normal = np.stack([point[0] * inward, point[1] * inward, point[2]])
        return np.asarray(normal / np.maximum(np.sqrt(dot(normal, normal)), 1e-9), np.float32)

    def surface(self, point: Array) -> tuple[Array, Array]:
        around = np.hypot(point[0], point[1])
        return (
            np.arctan2(point[1], point[0]) * np.float32(self.ring),
            np.arctan2(point[2], around - np.float32(self.ring)) * np.float32(self.tube),
        )
