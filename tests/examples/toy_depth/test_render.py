"""Pictures and their depth: exact where it can be calculated, seeded, and finite everywhere but in the sky."""

from __future__ import annotations

import numpy as np
import pytest

from examples.toy_depth.pool import SAMPLES_IN_POOL, Pool, view, write_shard
from examples.toy_depth.render import Camera, Light, Quality, Scene, Thing, depth_map, develop, light_map
from examples.toy_depth.scenes import PLACES, TRAINING_WORLD, UNSEEN_WORLD, World, random_scene, turned
from examples.toy_depth.shapes import Box, Cone, Cylinder, Plane, Sphere, Torus
from examples.toy_depth.textures import PLAIN, SEEN, UNSEEN, Texture

GREY = Texture(PLAIN, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 1.0)


def looking_down(pitch: float, focal: float = 1.0) -> Camera:
    return Camera((0.0, 0.0, 2.0), yaw=0.3, pitch=pitch, roll=0.0, focal=focal)


def test_depth_runs_along_the_optical_axis_not_along_the_ray() -> None:
    scene = Scene((Thing(Plane(), GREY),), (), (1, 1, 1), looking_down(-np.pi / 2))
    assert np.allclose(depth_map(scene, 6, 8), 2.0, atol=1e-5)


def test_inverse_depth_of_a_plane_is_linear_over_the_picture_and_ends_at_the_horizon() -> None:
    scene = Scene((Thing(Plane(), GREY),), (), (1, 1, 1), looking_down(0.0))
    nearness = 1 / depth_map(scene, 40, 40)
    below = (np.arange(40) + 0.5 - 20) / 40 / 2.0  # rows under the horizon, over the focal length and the camera's height
    assert np.allclose(nearness, np.maximum(below, 0)[:, None], atol=1e-6)


def test_a_lamp_lights_what_it_sees_and_a_box_throws_a_shadow() -> None:
    lamp = Light((0.0, 0.0, 1.9), (1.0, 1.0, 1.0), distant=False)
    floor, box = Thing(Plane(), GREY, casts_shadow=False), Thing(Box((0.2, 0.2, 0.05)), GREY, (0.0, 0.0, 1.0))
    camera = Camera((1.5, 0.0, 2.0), yaw=np.pi, pitch=-0.9, roll=0.0, focal=1.0)
    random = np.random.default_rng(0)
    bare = light_map(Scene((floor,), (lamp,), (0.1, 0.1, 0.1), camera), 32, 32, Quality(), random)
    shadowed = light_map(Scene((floor, box), (lamp,), (0.1, 0.1, 0.1), camera), 32, 32, Quality(), random)
    on_floor = depth_map(Scene((floor, box), (), (1, 1, 1), camera), 32, 32) == depth_map(Scene((floor,), (), (1, 1, 1), camera), 32, 32)
    darker = (shadowed[..., 0] < 0.5 * bare[..., 0]) & on_floor
    assert 5 < darker.sum() < on_floor.sum() / 2


def test_the_developed_picture_has_the_exposure_asked_for_whatever_the_light() -> None:
    light = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)
    random = np.random.default_rng(2)
    assert np.array_equal(develop(light, 0.4, 0.0, random), develop(100 * light, 0.4, 0.0, random))


@pytest.mark.parametrize("world", [TRAINING_WORLD, UNSEEN_WORLD])
@pytest.mark.parametrize("place", sorted(set(PLACES), key=lambda place: place.__name__))
def test_every_place_gives_finite_light_and_a_positive_depth(world: World, place: object) -> None:
    for index in range(4):
        scene = random_scene((11, index), World(world.patterns, world.objects, (place,)))  # type: ignore[arg-type]
        depth = depth_map(scene, 28, 42)
        assert (depth > 0).all()
        assert np.isfinite(depth).mean() > 0.2
        assert np.isfinite(light_map(scene, 28, 42, Quality(), np.random.default_rng(0))).all()


def test_rays_that_miss_the_ball_around_a_shape_are_those_that_miss_the_shape() -> None:
    random = np.random.default_rng(3)
    origin = random.uniform(-4, 4, (3, 4000)).astype(np.float32)
    direction = random.standard_normal((3, 4000), dtype=np.float32)
    squared = (direction**2).sum(axis=0)
    for shape in (Box((0.4, 0.7, 1.2)), Sphere(0.8), Cylinder(0.5, 1.1), Cone(0.6, 0.9), Torus(0.7, 0.2)):
        thing = Thing(shape, GREY, (0.3, -0.2, 0.1), turned(0.7, 0.4))
        local = thing.to_local(origin - np.array([[0.3], [-0.2], [0.1]], np.float32)), thing.to_local(direction)
        distance = thing.intersect(origin, direction, squared)
        assert np.isfinite(distance).any()
        assert np.array_equal(np.isfinite(distance), np.isfinite(shape.intersect(*local)))


def test_rooms_have_walls_all_around() -> None:
    room = next(place for place in PLACES if place.__name__ == "room")
    for index in range(8):
        scene = random_scene((12, index), World(SEEN, TRAINING_WORLD.objects, (room,)))
        assert np.isfinite(depth_map(scene, 28, 42)).all()


def test_the_same_number_is_the_same_scene_and_another_number_another() -> None:
    first, again, other = (view(5, index, height=28, width=42) for index in (3, 3, 4))
    assert np.array_equal(first.picture, again.picture)
    assert np.array_equal(first.nearness, again.nearness)
    assert not np.array_equal(first.picture, other.picture)


def test_evaluation_shares_no_pattern_and_no_object_with_training() -> None:
    assert not set(SEEN) & set(UNSEEN)
    assert not set(TRAINING_WORLD.objects) & set(UNSEEN_WORLD.objects)
    shapes = {type(thing.shape) for index in range(40) for thing in random_scene((13, index), TRAINING_WORLD).things}
    assert shapes == {Plane, Box, Sphere}
    assert not shapes & {Cylinder, Cone, Torus}


def test_a_pool_holds_what_the_sequence_says(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.toy_depth.pool.SHARD", 2)
    from pathlib import Path

    folder = Path(str(tmp_path))
    write_shard(folder, 9, 0)
    write_shard(folder, 9, 1)
    pool = Pool(folder, 9)
    assert len(pool) == 4
    third = view(9, 3, samples=SAMPLES_IN_POOL)
    assert np.array_equal(pool[3].picture, third.picture)
    assert np.array_equal(pool[3].nearness, third.nearness)
    assert len(Pool(folder, 8)) == 0
