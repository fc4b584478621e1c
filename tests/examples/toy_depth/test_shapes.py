"""Rays against shapes: where analysis gives the answer, the answer; everywhere, that a hit lies on the surface."""

from __future__ import annotations

import numpy as np
import pytest

from examples.toy_depth.shapes import Box, Cone, Cylinder, Plane, Shape, Sphere, Torus

SOLIDS = (Box((0.5, 0.8, 0.3)), Sphere(0.7), Cylinder(0.5, 1.2), Cone(0.6, 1.1), Torus(0.6, 0.2))


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


@pytest.mark.parametrize(
    ("shape", "origin", "direction", "distance"),
    [
        (Plane(), (0, 0, 2), (1, 0, -1), 2.0),
        (Plane(), (0, 0, 2), (1, 0, 1), np.inf),
        (Box((1, 1, 1)), (-5, 0.2, 0.3), (1, 0, 0), 4.0),
        (Box((1, 1, 1)), (-5, 1.2, 0), (1, 0, 0), np.inf),
        (Sphere(1), (0, -4, 0), (0, 2, 0), 1.5),
        (Sphere(1), (0, -4, 1.01), (0, 1, 0), np.inf),
        (Cylinder(1, 2), (5, 0, 1), (-1, 0, 0), 4.0),
        (Cylinder(1, 2), (0.5, 0, 5), (0, 0, -1), 3.0),
        (Cylinder(1, 2), (5, 0, 2.1), (-1, 0, 0), np.inf),
        (Cone(1, 2), (5, 0, 1), (-1, 0, 0), 4.5),
        (Cone(1, 2), (0.25, 0, 5), (0, 0, -1), 3.5),
        (Cone(1, 2), (0.25, 0, -3), (0, 0, 1), 3.0),
        (Cone(1, 2), (5, 0, 2.5), (-1, 0, 0), np.inf),
        (Torus(1, 0.25), (5, 0, 0), (-1, 0, 0), 3.75),
        (Torus(1, 0.25), (1, 0, 5), (0, 0, -1), 4.75),
        (Torus(1, 0.25), (0, 0, 5), (0, 0, -1), np.inf),
    ],
)
def test_a_ray_meets_a_shape_where_geometry_says(
    shape: Shape, origin: tuple[float, ...], direction: tuple[float, ...], distance: float
) -> None:
    assert shape.intersect(column(*origin), column(*direction))[0] == pytest.approx(distance, rel=1e-3)


def rays(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    origin = random.standard_normal((3, count))
    origin = (4 * origin / np.linalg.norm(origin, axis=0)).astype(np.float32)
    return origin, (random.uniform(-0.8, 0.8, (3, count)) - origin).astype(np.float32)


@pytest.mark.parametrize("shape", SOLIDS)
def test_normals_face_away_from_the_solid_and_towards_the_ray(shape: Shape) -> None:
    origin, direction = rays()
    distance = shape.intersect(origin, direction)
    hit = np.isfinite(distance)
    assert 0.1 < hit.mean() < 0.95
    normal = shape.normal((origin + np.where(hit, distance, 0) * direction)[:, hit])
    assert np.allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-2)
    assert ((normal * direction[:, hit]).sum(axis=0) < 0.05).mean() > 0.999


@pytest.mark.parametrize("shape", SOLIDS)
def test_the_surface_bends_as_its_normal_says(shape: Shape) -> None:
    """A second ray a little aside hits at a depth that the tangent plane of the first predicts, except across edges."""
    origin, direction = rays()
    aside = direction + np.float32(1e-3) * np.random.default_rng(4).standard_normal(direction.shape).astype(np.float32)
    first, second = shape.intersect(origin, direction), shape.intersect(origin, aside)
    both = np.isfinite(first) & np.isfinite(second)
    step = (origin + np.where(both, second, 0) * aside - origin - np.where(both, first, 0) * direction)[:, both]
    off_plane = np.abs((shape.normal((origin + np.where(both, first, 0) * direction)[:, both]) * step).sum(axis=0))
    assert (off_plane < 0.1 * np.linalg.norm(step, axis=0) + 1e-3).mean() > 0.97
