"""Films of any length through windows of a few frames: the joining, and what it holds on the way."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from model_defs.network import Network
from muggle_convert import Refusal
from muggle_convert.draw.scales import Scale
from muggle_convert.outputs import METRES
from muggle_convert.predict.films import fit, joined
from muggle_convert.predict.predictor import with_predict
from muggle_convert.predict.sizes import input_size
from muggle_convert.predict.viewer import Viewer
from tests.configurations import SMALL
from tests.goldens import uint8_picture

WIDE = uint8_picture(20, 200, 5)


def frames(count: int) -> Iterator[np.ndarray]:
    """A camera that pans; each frame is made when it is asked for."""
    for number in range(count):
        yield np.ascontiguousarray(WIDE[:, number : number + 28])


@pytest.fixture(scope="module")
def network() -> Network:
    return with_predict(SMALL["video_depth_anything"].network())


class Known:
    """A window whose depth is known."""

    def __init__(self, first: int, frames: int, scale: float = 1.0, shift: float = 0.0) -> None:
        self.first, self.frames, self.scale, self.shift = first, frames, scale, shift

    def depth(self, numbers: Any) -> Iterator[np.ndarray]:
        """That of the frame, in this window's own scale; the first two are key frames of the film's first window."""
        key = (0, self.first - 10)
        for number in numbers:
            frame = key[number] if self.first and number < 2 else self.first + number
            yield ((_depth(frame)) * self.scale + self.shift).astype(np.float32)


def _depth(frame: int) -> np.ndarray:
    return 2 + np.arange(6, dtype=np.float32).reshape(2, 3) + 0.1 * frame


@pytest.mark.parametrize("count", [1, 24, 32, 54])
def test_windows_in_other_scales_are_joined_to_one_film(count: int) -> None:
    windows = [Known(0, min(32, count)), Known(22, min(32, count - 22), 0.5, -0.3)]
    found = list(joined(windows[: 1 + (count > 24)], is_fitted=True))  # type: ignore[arg-type]
    assert len(found) == count
    assert np.allclose(found, [_depth(frame) for frame in range(count)], atol=1e-4)


def test_metres_are_faded_and_not_fitted() -> None:
    found = list(joined([Known(0, 32), Known(22, 32, 1.0, 7.0)], is_fitted=False))  # type: ignore[list-item]
    offsets = [float((depth - _depth(frame)).mean()) for frame, depth in enumerate(found)]
    assert np.allclose(offsets, [0.0] * 24 + [7 * step / 7 for step in range(8)] + [7.0] * 22, atol=1e-4)


def test_what_is_the_same_everywhere_is_not_fitted() -> None:
    flat = [np.full((2, 3), 3.0, np.float32)] * 2
    assert fit(flat, [_depth(0), _depth(1)]) == (1.0, 0.0)


@pytest.mark.parametrize("count", [1, 2, 23, 25, 33, 55])
def test_a_film_of_any_length_has_as_many_predictions(network: Network, count: int) -> None:
    depth = network.predict_video(frames(count))
    assert depth.shape == (count, 20, 28) and depth.dtype == np.float32 and np.isfinite(depth).all()


def test_an_iterator_and_an_array_give_the_same(network: Network) -> None:
    assert np.array_equal(network.predict_video(frames(5)), network.predict_video(np.stack(list(frames(5)))))


def test_a_picture_is_a_film_of_one_frame(network: Network) -> None:
    assert np.array_equal(network.predict(next(frames(1))), network.predict_video(frames(1))[0])
    assert len(network.predict(list(frames(2)))) == 2


def test_frames_are_read_as_they_are_needed_and_let_go(network: Network) -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    def counted() -> Iterator[np.ndarray]:
        for frame in frames(100):
            alive.append(weakref.ref(frame))
            yield frame

    stream = network.stream_video(counted())
    most = 0
    for number, _ in enumerate(stream, 1):
        assert len(alive) <= number + 40
        most = max(most, sum(one() is not None for one in alive))
    assert number == len(alive) == 100
    assert most <= 8


def test_every_frame_is_seen_once(network: Network) -> None:
    seen: list[int] = []
    hook = network.get_submodule("patch_embed").register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    network.predict_video(frames(60))
    hook.remove()
    assert sum(seen) == 60


def test_frames_of_different_sizes_are_refused_by_number(network: Network) -> None:
    with pytest.raises(Refusal, match="frame 3 is 30 x 20 and the first one 28 x 20"):
        network.predict_video([*frames(2), WIDE[:, :30]])


def test_a_film_without_frames_is_refused(network: Network) -> None:
    with pytest.raises(Refusal, match="no frame in the film"):
        network.predict_video([])


def test_a_network_with_fewer_positions_than_a_window_is_refused() -> None:
    small = SMALL["video_depth_anything"]
    network = with_predict(replace(small, config=replace(small.config, head=replace(small.config.head, frames=8))).network())
    with pytest.raises(Refusal, match="8 frames at once"):
        network.predict_video(frames(3))


def test_any_other_network_sees_every_frame_alone(model: Network) -> None:
    depth = model.predict_video(frames(3))
    assert np.array_equal(depth, [model.predict(frame) for frame in frames(3)])


@pytest.mark.parametrize(
    ("picture", "size", "expected"),
    [
        ((360, 640), None, (518, 924)),  # 16:9 and narrower: the shorter side at the size
        ((360, 768), None, (434, 924)),  # 2.13: 431 of 518, of which 434 is the nearest multiple
        ((1000, 100), 518, (980, 98)),
    ],
)
def test_frames_wider_than_16_to_9_are_seen_smaller(picture: tuple[int, int], size: int | None, expected: tuple[int, int]) -> None:
    image = replace(SMALL["video_depth_anything"].config.image, size=518)
    assert input_size(image, picture, size) == expected


def test_the_colours_of_a_joined_film_stay_what_they_are(network: Network) -> None:
    viewer = Viewer((network,), ("model",))
    scale = None
    for viewed in viewer.view_film(frames(40)):
        before, scale = scale, viewer.scale(viewed, scale)
        assert scale is not None
        if before is not None:
            assert scale.near >= before.near and scale.far <= before.far


def test_a_scale_makes_room_for_another() -> None:
    assert Scale(0.2, 0.5, METRES).with_room_for(Scale(0.1, 0.4, METRES)) == Scale(0.1, 0.5, METRES)


def test_depth_of_a_video_file_is_that_of_its_frames(network: Network, tmp_path: Any) -> None:
    from muggle_convert.predict.video import open_video
    from tests.predict.test_video import video

    path = video(tmp_path / "walk.mp4", frames=4, size=(28, 42))
    assert np.array_equal(network.predict_video(path), network.predict_video(list(open_video(path))))
    assert torch.is_inference_mode_enabled() is False
