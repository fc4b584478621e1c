"""`muggle-convert depth` of pictures that belong together, as a user runs it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from model_defs.build import build
from muggle_convert import Scene, load_any_dpt
from muggle_convert.families.depth_anything_3 import ORIGINAL as OF_VIEWS
from muggle_convert.families.dust3r import ORIGINAL
from tests.conftest import Command
from tests.families.variants.depth_anything_3 import of_views
from tests.families.variants.dust3r import configuration
from tests.goldens import golden, uint8_picture
from tests.originals import save_original

ALL = ("--size", 96, "--confidence", 1)


@pytest.fixture
def depth(muggle_convert_here: Command) -> Command:
    return partial(muggle_convert_here, "depth")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save_original(build(configuration()), ORIGINAL, tmp_path_factory.mktemp("model") / "dust3r.pth")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    paths = [tmp_path_factory.mktemp("photographs") / f"{name}.png" for name in ("left", "middle", "right")]
    for number, path in enumerate(paths):
        Image.fromarray(uint8_picture(70, 101, number)).save(path)
    return paths


@pytest.fixture(scope="module")
def scene(model: Path, photographs: list[Path]) -> Scene:
    found: Scene = load_any_dpt(model).predict_views(photographs, size=96)
    return found


def test_three_pictures_become_one_glb_of_all_their_points(
    depth: Command, model: Path, photographs: list[Path], scene: Scene, tmp_path: Path
) -> None:
    done = depth(*photographs, "-m", model, "-o", tmp_path / "scene.glb", *ALL)
    assert done.returncode == 0, done.stderr
    assert "18,432 points of 3 views" in done.stdout
    (cloud,) = trimesh.load(tmp_path / "scene.glb").geometry.values()
    points = np.concatenate([view.points.reshape(-1, 3) for view in scene.views])
    assert np.allclose(cloud.vertices, points * [1, -1, -1], rtol=1e-4, atol=1e-4 * np.abs(points).max())
    picture = np.concatenate([view.picture.reshape(-1, 3) for view in scene.views]).astype(float) / 255
    light = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    assert np.abs(np.asarray(cloud.colors)[:, :3] / 255 - light).max() <= 0.5 / 255 + 1e-6


def test_a_ply_of_the_same_scene_has_the_same_points(depth: Command, model: Path, photographs: list[Path], tmp_path: Path) -> None:
    for name in ("scene.ply", "scene.glb"):
        assert depth(*photographs, "-m", model, "-o", tmp_path / name, *ALL).returncode == 0
    ply, (glb,) = trimesh.load(tmp_path / "scene.ply"), trimesh.load(tmp_path / "scene.glb").geometry.values()
    assert np.array_equal(np.asarray(ply.vertices, np.float32), np.asarray(glb.vertices, np.float32))


def test_cameras_as_json_are_those_of_the_scene(depth: Command, model: Path, photographs: list[Path], scene: Scene, tmp_path: Path) -> None:
    done = depth(*photographs, "-m", model, "-o", tmp_path / "scene.ply", *ALL, "--cameras", tmp_path / "cameras.json")
    assert done.returncode == 0, done.stderr
    views = json.loads((tmp_path / "cameras.json").read_text())["views"]
    assert [view["picture"] for view in views] == ["left.png", "middle.png", "right.png"]
    assert np.allclose([view["extrinsics"] for view in views], scene.extrinsics, rtol=1e-3, atol=1e-3)
    assert np.allclose([view["intrinsics"] for view in views], scene.intrinsics, rtol=1e-4)


def test_cameras_for_colmap_come_with_the_pictures_they_are_about(
    depth: Command, model: Path, photographs: list[Path], scene: Scene, tmp_path: Path
) -> None:
    folder = tmp_path / "sparse"
    assert depth(*photographs, "-m", model, "-o", tmp_path / "scene.ply", *ALL, "--cameras", folder).returncode == 0
    cameras = [line.split() for line in (folder / "cameras.txt").read_text().splitlines() if not line.startswith("#")]
    assert [camera[:4] for camera in cameras] == [[str(number), "PINHOLE", "96", "64"] for number in (1, 2, 3)]
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines[1::2] == ["", "", ""], "no points are told of an image, in a line of its own"
    for line, view in zip(lines[::2], scene.views, strict=True):
        _, *numbers, camera, name = line.split()
        w, x, y, z = map(float, numbers[:4])
        rotation = trimesh.transformations.quaternion_matrix([w, x, y, z])[:3, :3]
        assert np.allclose(rotation, view.extrinsics[:, :3], atol=1e-3)
        assert np.allclose(list(map(float, numbers[4:])), view.extrinsics[:, 3], rtol=1e-3, atol=1e-3)
        assert camera == name.lstrip("0")[0] and np.array_equal(np.asarray(Image.open(folder / "images" / name)), view.picture)
    points = [line.split() for line in (folder / "points3D.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(points) == 3 * 64 * 96 and all(len(point) == 8 for point in points)


def test_a_folder_of_pictures_is_a_scene_too(depth: Command, model: Path, photographs: list[Path], tmp_path: Path) -> None:
    for path in photographs:
        (tmp_path / "views" / path.name).parent.mkdir(exist_ok=True)
        (tmp_path / "views" / path.name).write_bytes(path.read_bytes())
    done = depth(tmp_path / "views", "-m", model, "-o", tmp_path / "scene.glb", *ALL)
    assert done.returncode == 0 and "of 3 views" in done.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fov", "60"], "--fov is for pictures seen one at a time"),
        (["--known", "1,1=2", "--known", "3,3=4"], "--known is for pictures seen one at a time"),
        (["--side-by-side"], "--side-by-side is for pictures seen one at a time"),
        (["--format", "npy"], "ends in .ply, and --format npy writes .npy"),
        (["--format", "ply-mesh"], "become points, between which there is no surface"),
        (["--confidence", "high"], "neither a confidence, such as 3, nor a share"),
        (["--confidence", "100%"], "neither a confidence, such as 3, nor a share"),
        (["--cameras", "no/such/folder"], "does not exist; make it first"),
        (["--cameras", "scene.ply"], "exists; predict it again with --force"),
    ],
)
def test_what_does_not_fit_a_scene_is_refused_and_nothing_is_written(
    depth: Command, model: Path, photographs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "scene.ply" in options:
        (tmp_path / "scene.ply").write_bytes(b"before")
    done = depth(*photographs, "-m", model, "-o", "other.ply", *options)
    assert done.returncode == 1 and sentence in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "other.ply").exists()


def test_a_model_of_single_pictures_makes_no_scene(depth: Command, photographs: list[Path], tmp_path: Path) -> None:
    single = golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    done = depth(*photographs, "-m", single, "-o", tmp_path / "scene.glb")
    assert done.returncode == 1 and "sees one picture at a time; name a folder to write to" in done.stderr


def test_a_single_picture_is_no_scene_for_a_model_of_two(depth: Command, model: Path, photographs: list[Path], tmp_path: Path) -> None:
    done = depth(photographs[0], "-m", model, "-o", tmp_path / "scene.glb")
    assert (
        done.returncode == 1
        and "2 pictures or more, and was given 1: muggle-convert depth FIRST.png SECOND.png" in done.stderr
        and not (tmp_path / "scene.glb").exists()
    )


def test_a_single_picture_is_a_surface_before_the_camera_that_the_network_finds(
    depth: Command, photographs: list[Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    original = save_original(build(of_views()), OF_VIEWS, tmp_path / "da3_small.pth")
    done = depth(photographs[0], "-m", original, "-o", tmp_path / "left.glb", "--size", 70)
    assert done.returncode == 0 and "a surface, in" in done.stdout, done.stderr
    (view,) = load_any_dpt(original).predict_views([photographs[0]], size=70).views
    (mesh,) = trimesh.load_scene(tmp_path / "left.glb", process=False).geometry.values()
    x, y, z = mesh.vertices.T
    height, width = view.depth.shape
    across, down = (view.intrinsics @ [x / -z, -y / -z, np.ones(len(z))])[:2]
    assert len(mesh.faces) > 0 and across.min() >= 0.49 and across.max() <= width - 0.49
    assert np.allclose(view.depth[down.astype(int), across.astype(int)], -z, rtol=1e-4)
    assert mesh.visual.material.baseColorTexture.size == (width, height)
