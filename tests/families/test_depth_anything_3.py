from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model_defs.build import build
from model_defs.config import DINOv2ViewsConfig, DPTConfig
from model_defs.encoders.dinov2_views import most_balanced, reordered, with_first
from model_defs.networks.any_view import in_first_frame, rescaling, scale_between
from model_defs.parts.sky import quantile, with_far_sky
from muggle_convert import Refusal, convert, export, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.depth_anything_3 import NESTED, ORIGINAL
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.depth_anything_3 import nested, of_one_picture, of_views
from tests.goldens import golden, uint8_picture
from tests.originals import match_file, original_state

FAMILY = BY_NAME["depth_anything_3"]


def saved(path: Path, config: DPTConfig | None = None, model_name: str | None = None, more: Mapping[str, torch.Tensor] = {}) -> Path:
    """A file as it is published, with a config.json beside it where a name for that is given."""
    path.parent.mkdir(exist_ok=True)
    config = config or of_one_picture()
    state = original_state(build(config), ORIGINAL if config.metric is None else NESTED)
    save_file({f"model.{name}": tensor for name, tensor in {**state, **more}.items()}, path)
    if model_name:
        (path.parent / "config.json").write_text(json.dumps({"model_name": model_name}))
    return path


@settings(max_examples=20, deadline=None)
@given(depth=st.sampled_from([12, 24]), heads=st.integers(1, 16))
def test_every_name_has_one_rule_in_both_directions(depth: int, heads: int) -> None:
    for make in (of_one_picture, of_views):
        ORIGINAL.check(FAMILY.inventory(make(width=64 * heads, depth=depth)))


def test_every_name_of_two_networks_in_one_file_has_one_rule_in_both_directions() -> None:
    NESTED.check(FAMILY.inventory(nested()))


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


def test_another_way_to_run_is_compared_where_it_takes_the_same_pixels_for_sky() -> None:
    expected = {"depth": torch.tensor([[[1.0, 5.0, 9.0]]]), "sky": torch.tensor([[[0.1, 0.29, 0.5]]])}
    found = {"depth": torch.tensor([[[1.1, 9.0, 9.0]]]), "sky": torch.tensor([[[0.1, 0.31, 0.5]]])}
    agreed = build(of_one_picture()).agreed(found, expected)
    assert agreed["depth"].tolist() == torch.tensor([[[1.1, 5.0, 9.0]]]).tolist() and agreed["sky"] is found["sky"]


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


@pytest.mark.parametrize(("depth", "first"), [(12, 4), (24, 8), (40, 13)])
def test_where_views_begin_to_see_each_other_is_read_from_the_names(depth: int, first: int, tmp_path: Path) -> None:
    matched = match_file(saved(tmp_path / "da3.safetensors", of_views(depth=depth, mlp="swiglu" if depth == 40 else "gelu")))
    encoder = matched.config.encoder
    assert isinstance(encoder, DINOv2ViewsConfig) and encoder.alternates_from == first
    assert matched.evidence["encoder.alternates_from"].source is Source.SHAPE


def test_a_flag_that_tells_mono_from_metric_is_refused_for_views(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="the model sees several views"):
        match_file(saved(tmp_path / "da3.safetensors", of_views()), metric="yes")


@pytest.mark.parametrize("copies", [(), (1, 2, 3)], ids=["once", "under four names"])
def test_a_norm_that_four_levels_share_is_exported_as_often_as_it_was_there(copies: tuple[int, ...], tmp_path: Path) -> None:
    file = saved(tmp_path / "da3.safetensors", of_views())
    state, name = load_file(file), "model.head.scratch.output_conv2_aux.{}.2.bias"
    state |= {name.format(level): state[name.format(0)].clone() for level in copies}
    save_file(state, file)
    convert(file, tmp_path / "converted.safetensors")
    export(tmp_path / "converted.safetensors", tmp_path / "back.safetensors")
    again = load_file(tmp_path / "back.safetensors")
    assert set(again) == set(state)
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())


def test_another_norm_of_those_levels_is_refused(tmp_path: Path) -> None:
    other = {"head.scratch.output_conv2_aux.2.2.bias": torch.full((6,), 3.0)}
    with pytest.raises(Refusal, match="one tensor under two names"):
        convert(saved(tmp_path / "da3.safetensors", of_views(), more=other), tmp_path / "converted.safetensors")


def test_the_head_for_gaussians_is_kept_without_being_asked_for_and_exported_and_not_run(tmp_path: Path) -> None:
    gaussians = {"gs_head.projects.0.weight": torch.randn(8, 128, 1, 1), "gs_head.images_merger.2.bias": torch.randn(4)}
    file = saved(tmp_path / "da3.safetensors", of_views(), more=gaussians)
    report = convert(file, tmp_path / "converted.safetensors")
    assert report.plan.counts()["kept unused"] == 2
    export(tmp_path / "converted.safetensors", tmp_path / "back.safetensors")
    again = load_file(tmp_path / "back.safetensors")
    assert all(torch.equal(again[f"model.{name}"], tensor) for name, tensor in gaussians.items())
    assert not any("gs_head" in name for name in load_any_dpt(tmp_path / "converted.safetensors").state_dict())


def test_one_view_goes_first_and_the_others_keep_their_order() -> None:
    tokens = torch.arange(8.0).view(2, 4, 1, 1)
    order = with_first(torch.tensor([2, 0]), 4)
    assert order.tolist() == [[2, 0, 1, 3], [0, 1, 2, 3]]
    assert torch.equal(reordered(reordered(tokens, order), order.argsort(dim=1)), tokens)


def test_the_first_view_is_the_one_that_is_least_extreme() -> None:
    directions = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 1.0, 0.0]])
    assert most_balanced((directions * torch.tensor([[1.0], [2.0], [3.0]]))[None]).tolist() == [1]


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ({"extrinsics": torch.eye(4).expand(1, 2, 4, 4)}, "one without the other"),
        (
            {"extrinsics": torch.eye(4).expand(1, 3, 4, 4), "intrinsics": torch.eye(3).expand(1, 2, 3, 3)},
            r"expected extrinsics of shape \(1, 2, 4, 4\)",
        ),
        (
            {"extrinsics": torch.eye(4).expand(1, 2, 4, 4), "intrinsics": torch.eye(3).expand(2, 3, 3)},
            r"expected intrinsics of shape \(1, 2, 3, 3\)",
        ),
    ],
)
def test_cameras_that_do_not_belong_to_the_views_are_refused(cameras: dict[str, torch.Tensor], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(of_views()).eval()(torch.zeros(1, 2, 3, 42, 42), **cameras)


def test_the_scale_of_a_scene_is_that_of_its_more_trusted_half_without_sky() -> None:
    depth, trust = torch.rand(1, 2, 20, 20) + 1, torch.rand(1, 2, 20, 20)
    land = torch.ones_like(depth, dtype=torch.bool)
    land[..., :4] = False
    metres = torch.where((trust >= trust[land].median()) & land, 2.5 * depth, 100.0)
    assert float(scale_between(depth, metres, trust, land)) == pytest.approx(2.5, rel=1e-2)


def test_a_scene_of_two_networks_is_refused_where_there_is_nothing_but_sky() -> None:
    network = build(nested()).eval()
    with torch.no_grad():
        network.metric.head.proj_sky[2].bias.fill_(50.0)  # type: ignore[union-attr, index]
        with pytest.raises(ValueError, match="nothing but sky"):
            network(torch.zeros(1, 1, 3, 42, 42))


def test_cameras_that_are_told_are_brought_into_the_frame_of_the_first_as_the_original_does() -> None:
    spec = golden("da3_anyview_small").manifest["inputs"][2]
    given, expected = (torch.tensor(spec[key])[None] for key in ("extrinsics_given", "extrinsics"))
    torch.testing.assert_close(in_first_frame(given), expected[..., :3, :], rtol=1e-4, atol=1e-4)


def test_depth_takes_the_scale_of_cameras_that_were_told() -> None:
    found = torch.cat([torch.linalg.qr(torch.randn(4, 3, 3)).Q, torch.randn(4, 3, 1)], dim=-1)
    told = torch.cat([found[..., :3], 2.5 * found[..., 3:]], dim=-1)  # the same places, in a smaller unit
    assert float(rescaling(found, told)) == pytest.approx(2.5, rel=1e-4)


def test_one_view_has_no_scale_to_take() -> None:
    assert float(rescaling(torch.randn(1, 3, 4), torch.randn(1, 3, 4))) == 1.0


def test_views_become_a_scene_with_or_without_their_cameras(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3_anyview_small").save(tmp_path))
    pictures = [uint8_picture(60, 90, 1), uint8_picture(90, 90, 2), uint8_picture(60, 84, 3)]
    scene = model.predict_views(pictures, size=84)
    assert {view.depth.shape for view in scene.views} == {(56, 84)}  # of views of different sizes, the middle of each
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0.0, 1.0, 2.5]
    matrices = np.tile(np.diag([80.0, 80.0, 1.0]), (3, 1, 1))
    told = model.predict_views(pictures, size=84, extrinsics=poses, intrinsics=matrices)
    assert np.allclose(told.extrinsics, poses[:, :3])
    assert not np.allclose(told.views[1].depth, scene.views[1].depth)


def test_a_network_of_views_predicts_a_picture_as_a_scene_of_one(tmp_path: Path) -> None:
    model = load_any_dpt(golden("da3_anyview_small").save(tmp_path))
    picture = uint8_picture(56, 84, 1)
    alone = model.predict(picture, size=84)
    assert {name: found.shape for name, found in alone.items()} == {"depth": (56, 84), "depth_conf": (56, 84)}
    assert np.allclose(alone["depth"], model.predict_views([picture], size=84).views[0].depth, atol=1e-4)


def test_a_scene_of_two_networks_is_in_metres(tmp_path: Path) -> None:
    model = load_any_dpt(saved(tmp_path / "da3nested.safetensors", nested()))
    with torch.no_grad():
        model.get_submodule("metric.head.proj_sky.2").bias.fill_(-50.0)  # type: ignore[operator, union-attr]
    scene = model.predict_views([uint8_picture(56, 84, seed) for seed in (1, 2)], size=84)
    assert model.config.output.kind == "metric depth"
    assert all(np.isfinite(view.points).all() for view in scene.views)
