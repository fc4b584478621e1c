"""What is Video-Depth-Anything's own: relative or metric is told and never guessed, and films are what its own code makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model_defs.build import build
from model_defs.networks.video_depth_anything import FilmDPT
from model_defs.parts.motion import Motion
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.video_depth_anything import ORIGINAL
from muggle_convert.hub.zoo import entry
from tests.configurations import SMALL
from tests.families.variants.video_depth_anything import configuration
from tests.goldens import Golden, goldens, uint8_picture
from tests.originals import match_file, original_state

STATE = original_state(build(configuration()), ORIGINAL)


def kind_of(folder: Path, name: str, **told: Any) -> tuple[str, Source]:
    torch.save(STATE, folder / name)
    matched = match_file(folder / name, **told)
    return matched.config.output.kind, matched.evidence["output.kind"].source


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("video_depth_anything_vits.pth", "relative inverse depth"),
        ("metric_video_depth_anything_vits.pth", "metric depth"),
        ("my-metric-video-model.pth", "metric depth"),
    ],
)
def test_the_name_of_the_file_tells_metres_from_relative_depth(name: str, kind: str, tmp_path: Path) -> None:
    assert kind_of(tmp_path, name) == (kind, Source.FILE_NAME)


@pytest.mark.parametrize("name", ["model.pth", "video_depth_anything_vits_finetuned.pth", "checkpoint.pt"])
def test_a_name_that_does_not_tell_is_refused_with_the_flag(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"--set metric=true or --set metric=false"):
        kind_of(tmp_path, name)


def test_a_flag_is_trusted_more_than_the_name(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "metric_video_depth_anything_vits.pth", metric="false") == ("relative inverse depth", Source.FLAG)
    assert kind_of(tmp_path, "checkpoint.pt", metric="true") == ("metric depth", Source.FLAG)


def test_a_config_json_tells_it_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"metric": true}')
    torch.save(STATE, tmp_path / "model.pth")
    assert match_file(tmp_path).config.output.kind == "metric depth"


def test_what_was_said_is_kept_in_a_converted_file_and_may_be_said_anew(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "model.pth")
    convert(tmp_path / "model.pth", tmp_path / "model.safetensors", overrides={"metric": "true"})
    assert load_any_dpt(tmp_path / "model.safetensors").config.output.kind == "metric depth"
    assert load_any_dpt(tmp_path / "model.safetensors", metric=False).config.output.kind == "relative inverse depth"


def test_a_map_that_is_no_groups_of_channels_is_refused(tmp_path: Path) -> None:
    narrow = {
        name: torch.zeros_like(tensor)[..., :24] if name.endswith("pe") and tensor.shape[2] == 32 else tensor
        for name, tensor in STATE.items()
    }
    torch.save(narrow, tmp_path / "video_depth_anything_vits.pth")
    with pytest.raises(Refusal, match="pos_encoder"):
        match_file(tmp_path / "video_depth_anything_vits.pth")


@pytest.mark.parametrize("name", BY_NAME["video_depth_anything"].released, ids=lambda released: released.name)
def test_the_zoo_has_every_released_model_with_its_licence(name: Any) -> None:
    assert entry(name.name).is_non_commercial is not name.name.endswith("vits")


def film(case: Golden) -> tuple[np.ndarray, int, np.ndarray, int, int]:
    """Frames that move across a picture, and what the original's inference makes of some of them."""
    spec, about = case.manifest["infer_inputs"]["video0"], case.manifest["outputs"]["video0"]
    height, width, _ = spec["uint8_shape"]
    wide = uint8_picture(height, width + spec["step"] * (spec["frames"] - 1), spec["image_seed"])
    frames = np.stack([wide[:, spec["step"] * number :][:, :width] for number in range(spec["frames"])])
    return frames, spec["input_size"], np.load(case.folder / "expected.npz")["video0"], about["frame_stride"], about["stride"]


@pytest.mark.parametrize("case", goldens("video_depth_anything"), ids=lambda case: case.name)
def test_a_film_is_what_the_original_makes_of_it(case: Golden, tmp_path: Path) -> None:
    frames, size, expected, every, stride = film(case)
    depth = load_any_dpt(case.save(tmp_path)).predict_video(frames, size=size)
    assert depth.shape == frames.shape[:3]
    assert np.abs(depth[::every, ::stride, ::stride] - expected).max() < 5e-4 * expected.std()


@pytest.fixture(scope="module")
def network() -> FilmDPT:
    network = SMALL["video_depth_anything"].network()
    assert isinstance(network, FilmDPT)
    return network


def test_frames_of_one_film_look_at_each_other_and_at_no_other_film(network: FilmDPT) -> None:
    frames = SMALL["video_depth_anything"].images(2)
    changed = frames.clone()
    changed[0, 2] += 1
    with torch.inference_mode():
        before, after = network(frames), network(changed)
    assert (before[0, 0] - after[0, 0]).abs().max() > 1e-2
    torch.testing.assert_close(before[1], after[1], rtol=0, atol=1e-4)


def test_the_order_of_frames_matters(network: FilmDPT) -> None:
    frames = SMALL["video_depth_anything"].images()
    with torch.inference_mode():
        assert (network(frames) - network(frames.flip(1)).flip(1)).abs().max() > 1e-3


def test_more_frames_than_there_are_positions_are_refused_with_what_takes_them(network: FilmDPT) -> None:
    with pytest.raises(ValueError, match=r"1 to 32 frames.*got 33.*predict_video"):
        network(torch.zeros(1, 33, 3, 14, 14))


def test_maps_that_hardly_vary_are_normalised_with_their_channels_last_as_exactly_as_with_them_first() -> None:
    torch.manual_seed(0)
    motion, maps = Motion(32, frames=2), 1 + 1e-3 * torch.randn(2, 32, 2, 3)
    nn.init.eye_(motion.proj_out.weight)
    with torch.no_grad():
        first, last = (motion(maps.to(memory_format=order), 2) for order in (torch.contiguous_format, torch.channels_last))
    assert torch.equal(first, last)
