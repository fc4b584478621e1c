"""What no tensor tells of bins, and what their originals do before and after the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_defs.build import build
from model_defs.parts.metric_bins import NormedBins
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Source
from muggle_convert.predict.tensors import both_ways, prepare
from tests.configurations import SMALL
from tests.families.variants.metric_bins import depth_anything, zoedepth
from tests.goldens import TOLERANCE, golden, uint8_picture
from tests.originals import match_file, save_original

SIXTEEN = (16, 8, 4, 1)


def saved(config: Any, path: Path, layout: str = "original") -> Path:
    return save_original(build(config), BY_NAME[config.family].layouts[layout], path)


@pytest.mark.parametrize(
    ("name", "max_depth"),
    [
        ("ZoeD_M12_N.pt", 10.0),
        ("zoed_m12_n-0123.pt", 10.0),
        ("zoedepth-nyu.pt", 10.0),
        ("ZoeD_M12_K.pt", 80.0),
        ("zoedepth_kitti.pt", 80.0),
    ],
)
def test_the_released_name_tells_rooms_from_streets(tmp_path: Path, name: str, max_depth: float) -> None:
    matched = match_file(saved(zoedepth(), tmp_path / name), taps="0,1,2,3")
    assert matched.config.output.max_depth == max_depth
    assert matched.evidence["output.max_depth"].source is Source.FILE_NAME


@pytest.mark.parametrize("name", ["model.pt", "zoedepth_small.pt", "ZoeD_M12_NK.pt"])
def test_under_another_name_the_largest_depth_is_asked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match=re.escape("no tensor tells up to which depth: pass --set max_depth=METRES, which was 10 for rooms")):
        match_file(saved(zoedepth(), tmp_path / name), taps="0,1,2,3")


@pytest.mark.parametrize(("name", "max_depth"), [("indoor", 10.0), ("outdoor", 80.0)])
def test_the_name_tells_the_indoor_model_from_the_outdoor_one(tmp_path: Path, name: str, max_depth: float) -> None:
    matched = match_file(saved(depth_anything(), tmp_path / f"depth_anything_metric_depth_{name}.pt"))
    assert matched.config.output.max_depth == max_depth
    with pytest.raises(Refusal, match="which was 10 for the indoor model and 80 for the outdoor one"):
        match_file(saved(depth_anything(), tmp_path / "depth_anything_metric_depth.pt"))


@pytest.mark.parametrize(
    ("attractors", "centres", "source"),
    [((4, 3, 2, 1), "softplus", Source.SHAPE), ((32, 16, 8, 2), "normed", Source.CONVENTION), (SIXTEEN, "softplus", Source.SHAPE)],
)
def test_how_many_channels_attractors_have_tells_how_centres_are_kept(
    tmp_path: Path, attractors: tuple[int, ...], centres: str, source: Source
) -> None:
    matched = match_file(saved(zoedepth(attractors=attractors), tmp_path / "model.pt"), taps="0,1,2,3", max_depth=10)
    assert matched.evidence["head.centres"].source is source
    assert matched.config.head.centres == centres  # type: ignore[attr-defined]
    assert matched.config.image.size_across == (768 if centres == "normed" else 512)


def test_channels_that_could_be_one_or_two_of_each_attractor_are_asked_about(tmp_path: Path) -> None:
    told: dict[str, Any] = {"taps": "0,1,2,3", "max_depth": 10}
    even = zoedepth(attractors=(4, 4, 2, 2))
    with pytest.raises(Refusal, match="whether each attractor has one of them or two: pass --set bins=softplus or --set bins=normed"):
        match_file(saved(even, tmp_path / "model.pt"), **told)
    matched = match_file(saved(even, tmp_path / "ZoeD_M12_K.pt"), **told)
    assert (matched.config.head.centres, matched.evidence["head.centres"].source) == ("normed", Source.FILE_NAME)  # type: ignore[attr-defined]
    with pytest.raises(Refusal, match="normed attractors have two channels each, and these have"):
        match_file(saved(zoedepth(), tmp_path / "odd.pt"), **told, bins="normed")


def test_a_file_for_both_kinds_of_places_needs_no_word_on_its_depths(tmp_path: Path) -> None:
    config = SMALL["zoedepth, routed"].config
    assert match_file(saved(config, tmp_path / "model.pt", "routed"), taps="0,1,2,3").config.output.max_depth == 80.0


def test_the_largest_depth_moves_no_number_of_unbounded_bins_and_all_of_normed_ones() -> None:
    for name, factor in (("zoedepth", 1.0), ("zoedepth, normed", 2.0)):
        small = SMALL[name]
        network, images = small.network(), small.images()
        with torch.inference_mode():
            before = network(images)
            network.bins.everywhere.max_depth *= 2  # type: ignore[union-attr]
            assert torch.allclose(network(images), factor * before, rtol=2e-3, atol=2e-3)


def test_normed_centres_are_in_order_and_within_what_was_measured() -> None:
    bins = NormedBins(8, 7, SMALL["zoedepth, normed"].config.head, 10.0)  # type: ignore[arg-type]
    metres = bins.metres(torch.randn(1, 8, 5, 4))
    assert bool((metres.diff(dim=1) >= 0).all())
    assert float(metres.min()) >= 0.001 and float(metres.max()) <= 10.0


def test_the_router_chooses_for_the_whole_batch(tmp_path: Path) -> None:
    """Pictures of both kinds are judged together, and whoever predicts whole pictures gives each alone."""
    case = golden("zoedepth_nk")
    room, street, _ = case.inputs()
    network = load_any_dpt(case.save(tmp_path), **case.options)
    with torch.inference_mode():
        alone, together = (network(room), network(street)), network(torch.cat([room, street]))
    matches = [bool(torch.allclose(one, both, atol=1e-4)) for one, both in zip(alone, together[:, None], strict=True)]
    assert sorted(matches) == [False, True]
    assert not network.sees_each_alone


def test_an_exported_graph_chooses_for_each_picture_too() -> None:
    network = SMALL["zoedepth, routed"].network()
    pictures = torch.randn(6, 1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    classifier = network.get_submodule("bins.router.classifier.2")
    with torch.no_grad():
        seen = [network.bins.votes(network.bins.bottleneck(network.reassemble(*network.encode(picture))[-1])) for picture in pictures]  # type: ignore[union-attr, operator]
        difference = torch.stack([votes[1] - votes[0] for votes in seen]).median()
        assert isinstance(classifier.bias, torch.Tensor)
        classifier.bias[0] += difference + 1e-6  # so that the places are in balance, and pictures tip it
        graph = torch.export.export(network, (pictures[0],), strict=False).module()
        for picture in pictures:
            assert torch.allclose(graph(picture), network(picture), atol=1e-5)


@pytest.mark.parametrize(("name", "size", "seed"), [("indoor", (60, 80), 5202), ("outdoor", (48, 120), 5212)])
def test_the_metric_models_of_depth_anything_see_pictures_as_their_evaluation_shows_them(
    name: str, size: tuple[int, int], seed: int, tmp_path: Path
) -> None:
    case = golden(f"depth_anything_v1_metric_{name}")
    model = load_any_dpt(case.save(tmp_path), **case.options)
    with torch.inference_mode():
        found = both_ways(model, prepare(uint8_picture(*size, seed), model.config.image)[None])["depth"]
    assert found.shape == (1, 392, 518)
    expected = np.load(case.folder / "expected.npz")["stage.infer0"][0]  # every seventh row and column
    assert np.abs(found[:, ::7, ::7].numpy() - expected).max() < TOLERANCE * expected.std()
