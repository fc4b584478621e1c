from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model_defs.build import build
from model_defs.config import DPTConfig
from model_defs.parts.sky import quantile, with_far_sky
from muggle_convert import Refusal, convert, export, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.depth_anything_3 import ORIGINAL
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.depth_anything_3 import of_one_picture
from tests.goldens import golden, uint8_picture
from tests.originals import match_file, original_state

FAMILY = BY_NAME["depth_anything_3"]


def saved(path: Path, config: DPTConfig | None = None, model_name: str | None = None) -> Path:
    """A file as it is published, with a config.json beside it where a name for that is given."""
    path.parent.mkdir(exist_ok=True)
    state = original_state(build(config or of_one_picture()), ORIGINAL)
    save_file({f"model.{name}": tensor for name, tensor in state.items()}, path)
    if model_name:
        (path.parent / "config.json").write_text(json.dumps({"model_name": model_name}))
    return path


@settings(max_examples=20, deadline=None)
@given(depth=st.sampled_from([12, 24]), heads=st.integers(1, 16))
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int) -> None:
    ORIGINAL.check(FAMILY.inventory(of_one_picture(width=64 * heads, depth=depth)))


@pytest.mark.parametrize(("name", "kind"), [("DA3MONO-LARGE", "relative depth"), ("da3metric_small", "canonical depth")])
def test_mono_and_metric_are_told_apart_by_the_name_of_the_file(name: str, kind: str, tmp_path: Path) -> None:
    matched = match_file(saved(tmp_path / f"{name}.safetensors"))
    assert matched.config.output.kind == kind
    assert matched.evidence["output.kind"].source is Source.FILE_NAME


def test_a_config_json_is_trusted_more_than_the_name_and_a_flag_more_than_both(tmp_path: Path) -> None:
    file = saved(tmp_path / "da3mono" / "da3mono.safetensors", model_name="da3metric-large")
    matched = match_file(file)
    assert (matched.config.output.kind, matched.evidence["output.kind"].source) == ("canonical depth", Source.METADATA)
    assert match_file(file, metric="no").config.output.kind == "relative depth"


def test_where_nothing_tells_mono_from_metric_the_flag_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"pass --set metric=no or --set metric=yes"):
        match_file(saved(tmp_path / "model.safetensors"))


def test_the_prefix_of_published_files_is_there_again_in_what_is_exported(tmp_path: Path) -> None:
    file = saved(tmp_path / "da3mono.safetensors")
    convert(file, tmp_path / "converted.safetensors")
    for name in ("back.safetensors", "back.pth"):
        export(tmp_path / "converted.safetensors", tmp_path / name)
    with safe_open(str(file), "pt") as before, safe_open(str(tmp_path / "back.safetensors"), "pt") as after:
        assert set(before.keys()) == set(after.keys()) == set(torch.load(tmp_path / "back.pth", weights_only=True))
    again = load_file(tmp_path / "back.safetensors")
    assert all(torch.equal(tensor, again[name]) for name, tensor in load_file(file).items())


def test_the_sky_goes_behind_ninety_nine_percent_of_everything_else() -> None:
    depth = torch.rand(1, 40, 50) * 9 + 1
    sky = torch.zeros_like(depth)
    sky[:, :15] = 0.3
    far = with_far_sky(depth, sky)
    assert torch.equal(far[:, 15:], depth[:, 15:])
    torch.testing.assert_close(far[:, :15], torch.quantile(depth[:, 15:], 0.99).expand(1, 15, 50))


@pytest.mark.parametrize("count", [0, 10, 1990, 2000])
def test_where_there_is_hardly_any_sky_or_hardly_anything_else_the_depth_stays(count: int) -> None:
    depth, sky = torch.rand(1, 40, 50), torch.zeros(2000)
    sky[:count] = 1.0
    assert torch.equal(with_far_sky(depth, sky.view(1, 40, 50)), depth)


@pytest.mark.parametrize("count", [1, 2, 5, 101, 5000])
def test_a_quantile_is_torchs_own_of_the_values_that_are_meant(count: int) -> None:
    values = torch.randn(6000)
    among = torch.zeros(6000, dtype=torch.bool)
    among[torch.randperm(6000)[:count]] = True
    torch.testing.assert_close(quantile(values, among, 99), torch.quantile(values[among], 0.99))


def test_the_sky_of_large_pictures_is_as_far_in_every_run() -> None:
    generator = torch.Generator().manual_seed(1)
    depth, sky = (torch.rand(1, 400, 400, generator=generator) for _ in range(2))
    assert torch.equal(with_far_sky(depth, sky), with_far_sky(depth, sky))


def test_a_picture_becomes_depth_and_sky_at_its_own_size_whatever_else_is_in_the_list(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3metric_small").save(tmp_path))
    pictures = [uint8_picture(60, 90, seed) for seed in (1, 2)]
    several = model.predict(pictures, size=84)
    alone = model.predict(pictures[1], size=84)
    assert {name: found.shape for name, found in alone.items()} == {"depth": (60, 90), "sky": (60, 90)}
    assert np.allclose(several[1]["depth"], alone["depth"], atol=1e-5)


def test_metres_are_depth_times_the_focal_length_in_pixels_of_the_input_over_300(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3metric_small").save(tmp_path))
    picture = uint8_picture(60, 90, 1)
    depth = model.predict(picture, size=84)["depth"]
    metres = model.predict(picture, size=84, focal=100.0)["depth"]  # which the network sees as 56 x 84
    assert np.allclose(metres, depth * 100.0 * (56 / 60 + 84 / 90) / 2 / 300, rtol=1e-5)


@pytest.mark.parametrize("focal", [0, -1.0, float("inf"), "long", True])
def test_what_is_no_focal_length_is_refused(focal: object, tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3metric_small").save(tmp_path))
    with pytest.raises(Refusal, match="a finite number of pixels above zero is needed"):
        model.predict(uint8_picture(60, 90, 1), size=84, focal=focal)


def test_a_focal_length_is_refused_where_depth_does_not_depend_on_it(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3mono_small").save(tmp_path))
    with pytest.raises(Refusal, match="predicts relative depth, which no focal length turns into metres"):
        model.predict(uint8_picture(60, 90, 1), size=84, focal=100.0)


def test_metres_of_a_metric_model_ask_for_the_focal_length(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3metric_small").save(tmp_path))
    with pytest.raises(Refusal, match=r"focal length turns into metres: pass focal=PIXELS"):
        model.to_metres(np.ones((4, 4), np.float32))
