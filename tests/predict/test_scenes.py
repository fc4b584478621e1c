from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_defs.build import build
from muggle_convert import Network, Refusal, Scene
from muggle_convert.predict.cloud import Trust, trusted_points
from muggle_convert.predict.framing import framed
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL
from tests.families.variants.dust3r import configuration
from tests.goldens import uint8_picture

SIZE = 96  # of the longer side
PICTURES = [uint8_picture(70, 101, number) for number in range(3)]


@pytest.fixture(scope="module")
def model() -> Network:
    torch.manual_seed(0)
    return with_predict(build(configuration()).eval())


@pytest.fixture(scope="module")
def scene(model: Network) -> Scene:
    found: Scene = model.predict_views(PICTURES, size=SIZE)
    return found


def test_every_view_has_all_that_a_scene_is_made_of(scene: Scene) -> None:
    assert len(scene.views) == 3 and scene.extrinsics.shape == (3, 3, 4) and scene.intrinsics.shape == (3, 3, 3)
    for view in scene.views:
        assert view.picture.shape == view.points.shape == (64, 96, 3)
        assert view.depth.shape == view.confidence.shape == (64, 96)
        assert view.confidence.min() >= 1


def test_the_scene_is_in_the_frame_of_the_first_camera(scene: Scene) -> None:
    assert np.allclose(scene.extrinsics[0], np.eye(4)[:3], atol=1e-6)


def test_depth_is_how_far_along_its_axis_a_camera_has_its_points(scene: Scene) -> None:
    for view in scene.views:
        turned = view.points @ view.extrinsics[:, :3].T + view.extrinsics[:, 3]
        assert np.allclose(turned[..., 2], view.depth, rtol=1e-4, atol=1e-4 * np.abs(turned).max())
        assert np.allclose(view.extrinsics[:, :3] @ view.extrinsics[:, :3].T, np.eye(3), atol=1e-5)


def test_two_views_are_what_predict_gives_with_cameras_beside_it(model: Network) -> None:
    pair, scene = model.predict(*PICTURES[:2], size=SIZE), model.predict_views(PICTURES[:2], size=SIZE)
    for one, other in zip(pair, scene.views, strict=True):
        assert np.allclose(one.points, other.points, rtol=1e-3, atol=1e-4)


def test_pictures_of_different_shapes_make_one_scene(model: Network) -> None:
    scene = model.predict_views([PICTURES[0], uint8_picture(90, 60, 5)], size=SIZE)
    assert [view.points.shape for view in scene.views] == [(64, 96, 3), (96, 64, 3)]


def test_the_placement_takes_pixels_of_the_given_picture_to_those_of_the_seen_one(scene: Scene) -> None:
    corners = scene.views[0].placement @ np.array([[0, 101], [0, 70], [1, 1]])
    assert np.allclose(corners[0], [0, 96]) and np.allclose(corners[1], [-1.5, 65.5], atol=0.51)  # 67 rows, of which 64 are kept


@pytest.mark.parametrize("pictures", [[], PICTURES[:1], "photo.jpg"])
def test_fewer_pictures_than_make_a_scene_are_refused(model: Network, pictures: object) -> None:
    with pytest.raises(Refusal, match=r"2 pictures or more; pass a list"):
        model.predict_views(pictures)  # type: ignore[arg-type]


def test_a_network_of_single_pictures_makes_no_scene() -> None:
    with pytest.raises(Refusal, match=r"each picture by itself.* call model\.predict with a list"):
        with_predict(next(iter(SMALL.values())).network()).predict_views(PICTURES)


def test_cameras_are_refused_where_a_network_cannot_be_told_them(model: Network) -> None:
    with pytest.raises(Refusal, match="cannot be told extrinsics"):
        model.predict_views(PICTURES, extrinsics=np.zeros((3, 3, 4)))


def test_resized_views_are_cut_to_the_smallest() -> None:
    image = next(iter(SMALL.values())).config.image
    views = framed("resized", [uint8_picture(70, 101, 0), uint8_picture(101, 70, 1)], image)
    assert len({view.pixels.shape for view in views}) == 1
    middle = [view.placement @ [width / 2, height / 2, 1] for view, (height, width) in zip(views, [(70, 101), (101, 70)], strict=True)]
    for view, place in zip(views, middle, strict=True):
        assert np.allclose(place[:2], np.array(view.pixels.shape[1::-1]) / 2, atol=0.51)


def test_a_share_of_points_leaves_out_the_least_trusted(scene: Scene) -> None:
    kept = trusted_points(scene, Trust(without=0.25))
    assert len(kept.points) == pytest.approx(0.75 * 3 * 64 * 96, rel=0.01)


def test_paths_and_pictures_make_the_same_scene(model: Network, scene: Scene, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, picture in zip(paths, PICTURES, strict=True):
        Image.fromarray(picture).save(path)
    assert np.array_equal(model.predict_views(paths, size=SIZE).views[2].points, scene.views[2].points)
