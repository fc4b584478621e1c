from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_defs.build import build
from model_defs.config import Framing, FusionConfig, ReassembleConfig, SceneHeadConfig, VGGTConfig
from model_defs.network import Network
from model_defs.plain_values import leaves
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.vggt import ORIGINAL, TRACKER
from muggle_convert.hub.zoo import entry
from muggle_convert.predict.framing import framed
from muggle_convert.predict.predictor import with_predict
from muggle_convert.rules import Drop, Fate
from tests.families.variants.vggt import configuration
from tests.goldens import golden, uint8_picture
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["vggt"]
TRACKED = "track_head."


def test_the_released_model_has_its_1797_tensors_and_its_name() -> None:
    config = replace(
        configuration(width=1024, depth=24, pairs=24, taps=(4, 11, 17, 23), pair_heads=16, grid=37),
        reassemble=ReassembleConfig((256, 512, 1024, 1024), "none"),
        fusion=FusionConfig((256,) * 4, "to next"),
        head=SceneHeadConfig(128, 32, 2, 4, 8192, 4),
    )
    assert isinstance(config.encoder, VGGTConfig)
    config = replace(config, encoder=replace(config.encoder, mlp_width=4096, pair_mlp_width=4096))
    ORIGINAL.check(FAMILY.inventory(config))
    names = golden("vggt_small").manifest["tensors"]
    read = {name for name in names if not name.startswith(TRACKED) and not name.endswith("mask_token")}
    split = 1  # the position embedding becomes two
    assert (len(names), len(FAMILY.inventory(config))) == (1797, len(read) + split)
    values = leaves(config)
    assert all(values[path] == value for path, value in FAMILY.released[0].values.items())


def test_every_tensor_of_the_tracker_has_a_name_in_the_table_and_is_kept() -> None:
    tracked = [name for name in golden("vggt_small").manifest["tensors"] if name.startswith(TRACKED)]
    assert len(tracked) == 394
    for name in tracked:
        place = ORIGINAL.of_original(name)
        assert place is not None and isinstance(place.rule, Drop) and (place.rule.reason, place.rule.fate) == (TRACKER, Fate.NOT_RUN), name


def test_a_name_that_the_tracker_has_not_is_not_taken_for_one_of_it() -> None:
    assert ORIGINAL.of_original("track_head.tracker.updateformer.time_blocks.0.norm_context.weight") is None


def test_which_pairs_are_tapped_is_asked_for_where_there_are_not_as_many_as_released(tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / "vggt.pt")
    with pytest.raises(Refusal, match=r"--set taps=NUMBERS"):
        match_file(file)
    with pytest.raises(Refusal, match="rising block numbers from 0 to 3"):
        match_file(file, taps="1,2,3,4")


def test_heads_of_the_pairs_are_measured_and_those_of_the_encoder_may_be_told(tmp_path: Path) -> None:
    file = save_original(build(configuration(pair_heads=4)), ORIGINAL, tmp_path / "vggt.pt")
    encoder = match_file(file, taps="0,1,2,3", heads="2").config.encoder
    assert isinstance(encoder, VGGTConfig) and (encoder.heads, encoder.pair_heads) == (2, 4)


def test_a_file_without_the_depth_decoder_is_incomplete(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("depth_head.")}, tmp_path / "vggt.pt")
    with pytest.raises(Refusal, match=r"depth_head"):
        match_file(tmp_path / "vggt.pt", taps="0,1,2,3")


def test_the_zoo_tells_the_two_licences_apart() -> None:
    assert entry("VGGT-1B").is_non_commercial and not entry("VGGT-1B-Commercial").is_non_commercial


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    network = build(configuration()).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith(("aggregator.cameras", "aggregator.registers")):
                parameter.normal_()
    return network


def scene(views: int, height: int = 28, width: int = 42, batch: int = 1) -> Tensor:
    return torch.randn(batch, views, 3, height, width, generator=torch.Generator().manual_seed(views))


@pytest.mark.parametrize(("views", "height", "width"), [(1, 28, 42), (3, 56, 14), (2, 42, 42)])
def test_views_of_any_number_and_of_any_size_in_steps_of_a_patch(network: Network, views: int, height: int, width: int) -> None:
    found = network(scene(views, height, width, batch=2))
    assert tuple(found) == network.outputs
    assert found["pose_enc"].shape == (2, views, 9)
    assert found["depth"].shape == found["depth_conf"].shape == found["world_points_conf"].shape == (2, views, height, width)
    assert found["world_points"].shape == (2, views, height, width, 3)


def test_scenes_of_a_batch_do_not_see_each_other(network: Network) -> None:
    two = scene(2, batch=2)
    together, alone = network(two), network(two[1:])
    assert all(torch.allclose(together[name][1:], maps, atol=1e-4) for name, maps in alone.items())


def test_views_of_a_scene_see_each_other_and_the_first_is_another_than_the_rest(network: Network) -> None:
    views = scene(3)
    found, turned = network(views)["depth"], network(views[:, [2, 1, 0]])["depth"]
    assert not torch.allclose(found[:, 2], network(views[:, 2:])["depth"][:, 0], atol=1e-4)
    assert not torch.allclose(found[:, 0], turned[:, 2], atol=1e-4)
    swapped = network(views[:, [0, 2, 1]])["depth"]
    assert torch.allclose(found[:, [0, 2, 1]], swapped, atol=1e-4), "those that are not the first have no order"


def test_what_are_no_views_is_refused_with_what_they_are(network: Network) -> None:
    with pytest.raises(ValueError, match=r"views of shape \(batch, views, 3, height, width\), got \(1, 3, 28, 42\)"):
        network(scene(1)[0])
    with pytest.raises(ValueError, match="multiples of 14, got 28 x 40"):
        network(scene(1, width=40))


def test_without_a_decoder_for_points_there_are_none() -> None:
    assert set(build(configuration(points=False)).eval()(scene(1))) == {"pose_enc", "depth", "depth_conf"}


def test_every_weight_learns() -> None:
    network = build(configuration(points=True))
    found = network(scene(2))
    (sum(one.square().mean() for one in found.values()) + found["pose_enc"].sum()).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_half_precision_is_close(network: Network) -> None:
    views = scene(2)
    expected, found = network(views), network.bfloat16()(views.bfloat16())
    for name, maps in expected.items():
        assert (found[name].float() - maps).abs().mean() <= 0.03 * maps.abs().mean() + 0.01, name


def test_a_scene_is_where_depth_and_cameras_put_it(network: Network) -> None:
    pictures = [uint8_picture(70, 101, number) for number in range(3)]
    found = with_predict(network).predict_views(pictures)
    assert len(found.views) == 3
    for view in found.views:
        assert view.picture.shape == view.points.shape == (28, 42, 3), "as wide as in training, and as high as keeps the shape"
        ahead = view.points @ view.extrinsics[:, :3].T + view.extrinsics[:, 3]
        assert np.allclose(ahead[..., 2], view.depth, rtol=1e-3, atol=1e-4)
        assert view.intrinsics[:2, 2].tolist() == [21, 14]


def test_one_picture_is_a_scene_and_no_picture_by_itself(network: Network) -> None:
    picture = uint8_picture(70, 101, 0)
    assert len(with_predict(network).predict_views([picture]).views) == 1
    with pytest.raises(Refusal, match="predict_views"):
        network.predict(picture)


@pytest.mark.parametrize(
    ("shape", "framing", "seen"),
    [
        ((70, 101), "across", (28, 42)),
        ((202, 101), "across", (42, 42)),  # the middle of what would be twice as high
        ((70, 101), "padded", (42, 42)),
        ((101, 40), "padded", (42, 42)),
    ],
)
def test_pictures_are_as_wide_as_in_training_or_white_squares(shape: tuple[int, int], framing: Framing, seen: tuple[int, int]) -> None:
    fit: Any = {"across": "across", "padded": "longest"}[framing]
    (view,) = framed(framing, [uint8_picture(*shape, 0)], replace(configuration().image, fit=fit))
    assert view.pixels.shape[:2] == seen
    middle = view.placement @ [shape[1] / 2, shape[0] / 2, 1]
    assert np.allclose(middle[:2], [seen[1] / 2, seen[0] / 2], atol=0.51)


def test_lower_pictures_of_a_scene_stand_on_white() -> None:
    views = framed("across", [uint8_picture(101, 101, 0), uint8_picture(34, 101, 1)], configuration().image)
    assert [view.pixels.shape for view in views] == [(42, 42, 3)] * 2
    assert (views[1].pixels[:14] == 255).all() and (views[1].pixels[28:] == 255).all() and not (views[1].pixels[14:28] == 255).all()


def test_the_way_of_pictures_may_be_told(tmp_path: Path) -> None:
    file = save_original(build(configuration()), ORIGINAL, tmp_path / "vggt.pt")
    assert load_any_dpt(file, taps="0,1,2,3", pictures="padded").framing == "padded"
    assert load_any_dpt(file, taps="0,1,2,3").framing == "across"
