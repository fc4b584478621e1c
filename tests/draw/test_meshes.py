"""Surfaces of a picture, as other programs open them, and which way they face."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trimesh

from muggle_convert.draw import glb, ply
from muggle_convert.draw.mesh import CUT, mesh_of
from muggle_convert.draw.normals import ROWS, normal_map, normals_of
from muggle_convert.draw.relief import FARTHEST, NEAREST, Pinhole, Relief, relief_of
from muggle_convert.draw.scales import scale_of
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Distance
from tests.goldens import uint8_picture

HEIGHT, WIDTH = 30, 40
CAMERA = Pinhole.that_sees(HEIGHT, WIDTH, 60)
Write = Callable[[Any, Any, Relief], None]


def relief(away: np.ndarray, camera: Pinhole = CAMERA) -> Relief:
    return Relief(away.astype(np.float32), float(np.nanmin(away)), float(np.nanmax(away)), "metres", camera)


def wall_and_box() -> np.ndarray:
    """Something two metres away before a wall at eight."""
    away = np.full((HEIGHT, WIDTH), 8.0)
    away[10:20, 10:25] = 2.0
    return away


def opened(write: Write, shape: Relief, kind: str) -> trimesh.Trimesh:
    file = io.BytesIO()
    write(file, uint8_picture(*shape.away.shape, 1), shape)
    file.seek(0)
    (mesh,) = trimesh.load_scene(file, file_type=kind, process=False).geometry.values()
    return mesh


def plane(normal: tuple[float, float, float], distance: float) -> np.ndarray:
    """How far each pixel of the camera sees a plane, whose normal points right, up and towards the camera."""
    across, down = CAMERA.rays(HEIGHT, WIDTH)
    right, up, towards = normal
    return distance / (-right * across + up * down[:, None] + towards)


@pytest.mark.parametrize(("write", "kind"), [(glb.write_mesh, "glb"), (ply.write_mesh, "ply")])
def test_a_surface_is_cut_where_depth_jumps(write: Write, kind: str) -> None:
    mesh = opened(write, relief(wall_and_box()), kind)
    assert np.isfinite(mesh.vertices).all() and len(mesh.vertices) == HEIGHT * WIDTH
    depths = -mesh.vertices[:, 2][mesh.faces]
    assert (np.ptp(depths, axis=1) == 0).all(), "no triangle leads from the box to the wall"
    ring, whole = 11 * 16 - 9 * 14, (HEIGHT - 1) * (WIDTH - 1)
    assert len(mesh.faces) == 2 * (whole - ring) + 2, "and nothing else is missing: at two corners of the ring is half a wall"


@pytest.mark.parametrize(("write", "kind"), [(glb.write_mesh, "glb"), (ply.write_mesh, "ply")])
def test_every_point_is_seen_where_its_pixel_is_and_faces_the_camera(write: Write, kind: str) -> None:
    mesh = opened(write, relief(wall_and_box(), Pinhole(50, 45, 17, 16, known=True)), kind)
    x, y, z = mesh.vertices.reshape(HEIGHT, WIDTH, 3).transpose(2, 0, 1)
    assert -z == pytest.approx(wall_and_box())
    assert x / -z * 50 + 17 == pytest.approx(np.broadcast_to(np.arange(WIDTH) + 0.5, z.shape), abs=1e-4)
    assert -y / -z * 45 + 16 == pytest.approx(np.broadcast_to(np.arange(HEIGHT)[:, None] + 0.5, z.shape), abs=1e-4)
    assert (mesh.face_normals[:, 2] > 0).all()


def test_a_glb_carries_its_picture_and_its_camera() -> None:
    file = io.BytesIO()
    picture = np.full((HEIGHT, WIDTH, 3), (200, 120, 40), np.uint8)
    glb.write_mesh(file, picture, relief(wall_and_box()))
    file.seek(0)
    (mesh,) = trimesh.load_scene(file, file_type="glb", process=False).geometry.values()
    texture = mesh.visual.material.baseColorTexture
    assert texture.size == (WIDTH, HEIGHT)
    assert np.asarray(texture)[..., :3].mean(axis=(0, 1)) == pytest.approx([200, 120, 40], abs=3)
    across, down = (mesh.visual.uv * [WIDTH, HEIGHT]).reshape(HEIGHT, WIDTH, 2).transpose(2, 0, 1)
    assert across[0] == pytest.approx(np.arange(WIDTH) + 0.5, abs=1e-4)
    assert HEIGHT - down[:, 0] == pytest.approx(np.arange(HEIGHT) + 0.5, abs=1e-4), "trimesh counts from below"
    document = json.loads(file.getvalue()[20 : 20 + int.from_bytes(file.getvalue()[12:16], "little")])
    (camera,) = document["cameras"]
    assert 2 * np.degrees(np.arctan(np.tan(camera["perspective"]["yfov"] / 2) * WIDTH / HEIGHT)) == pytest.approx(60)
    assert document["asset"]["extras"]["comments"] == ["coordinates in metres", "field of view 60 degrees, as assumed"]


def test_a_ply_has_the_colours_of_the_pixels() -> None:
    mesh = opened(ply.write_mesh, relief(wall_and_box()), "ply")
    assert np.array_equal(mesh.visual.vertex_colors[:, :3], uint8_picture(HEIGHT, WIDTH, 1).reshape(-1, 3))


@pytest.mark.parametrize("is_inverse", [True, False])
def test_relative_depth_takes_a_shape_between_two_distances_without_a_unit(is_inverse: bool) -> None:
    prediction = np.linspace(0, 7, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, axis=1)
    shape = relief_of(prediction, scale_of(prediction, Distance(is_inverse, in_metres=False)), CAMERA)
    assert (shape.away.min(), shape.away.max()) == (pytest.approx(NEAREST), pytest.approx(FARTHEST))
    assert shape.comments[0].startswith("coordinates in no unit") and "metres" not in " ".join(shape.comments)


def test_what_has_no_depth_or_is_far_beyond_the_rest_is_left_out() -> None:
    away = np.full((HEIGHT, WIDTH), 3.0)
    away[:5] = np.inf
    away[5:8] = np.nan
    away[8:10] = 1000
    away[10:12] = -1
    mesh = mesh_of(relief_of(away, scale_of(away, Distance(False, True)), CAMERA))
    assert len(mesh.points) == (HEIGHT - 12) * WIDTH and set(mesh.points[:, 2]) == {np.float32(-3)}


def test_large_pictures_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muggle_convert.draw.mesh.MOST", HEIGHT * WIDTH // 4)
    mesh = mesh_of(relief(wall_and_box()))
    assert len(mesh.points) == HEIGHT * WIDTH // 4
    assert mesh.places[0] == pytest.approx([0.5 / WIDTH, 0.5 / HEIGHT])


def test_where_no_surface_is_left_that_is_said() -> None:
    away = np.where(np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2, 1.0, 5.0)
    with pytest.raises(Refusal, match="depth jumps between all neighbouring pixels"):
        mesh_of(relief(away))


def test_slopes_are_steps_of_less_than_the_cut_and_stay_whole() -> None:
    steepest = 1 + 0.9 * CUT * 1000 / WIDTH
    assert len(mesh_of(relief(np.tile(steepest ** (np.arange(WIDTH) % 2), (HEIGHT, 1)))).faces) == 2 * (HEIGHT - 1) * (WIDTH - 1)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0.9, 0.436), (0.6, 0, 0.8), (-0.48, 0.36, 0.8)])
def test_normals_of_planes_are_those_of_the_planes(normal: tuple[float, float, float]) -> None:
    away = plane(normal, 3)
    seen = away > 0
    found = normals_of(relief(np.where(seen, away, np.nan)))
    inside = seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1]
    assert np.abs(found[1:-1, 1:-1][inside] - np.array(normal) / np.linalg.norm(normal)).max() < 1e-3


def test_normals_do_not_lead_over_edges() -> None:
    assert (normals_of(relief(wall_and_box())) == (0, 0, 1)).all()


def test_normals_are_encoded_as_opengl_does_it() -> None:
    away = np.full((HEIGHT, WIDTH), 2.0)
    away[:3] = np.inf
    colours = normal_map(relief_of(away, scale_of(away, Distance(False, True)), CAMERA))
    assert (colours[10] == (128, 128, 255)).all(), "towards the viewer"
    assert (colours[:3] == 128).all(), "no direction where nothing is"
    floor = normal_map(relief(plane((0, 1, 0.1), 1)[HEIGHT // 2 :], Pinhole(CAMERA.across, CAMERA.down, WIDTH / 2, 0, known=False)))
    assert (floor[..., 1] > 250).all(), "up is green"


def test_a_normal_map_is_the_same_in_parts() -> None:
    away = np.random.default_rng(0).uniform(1, 3, (2 * ROWS + 3, 5))
    shape = relief(away, Pinhole.that_sees(*away.shape, 60))
    assert np.array_equal(normal_map(shape), np.rint(127.5 * normals_of(shape) + 127.5))
