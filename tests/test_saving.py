"""`model.save`: what `convert` writes, of a network as it is in memory now."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model_defs import fast
from model_defs.build import build
from model_defs.network import Network
from muggle_convert import Refusal, convert, export, inspect, load_any_dpt, verify
from tests.conftest import Command
from tests.goldens import golden
from tests.same import assert_same

CASE = golden("depth_anything_v2")


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return CASE.save(tmp_path, "depth_anything_v2_vits.pth")


def trained(model: Network) -> Network:
    """One step of a real optimiser."""
    torch.manual_seed(0)
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    model(torch.randn(1, 3, 28, 28)).square().mean().backward()
    optimiser.step()
    return model.eval()


@pytest.mark.parametrize(
    "case", ["depth_anything_v2", "hybrid", pytest.param("dust3r_one_decoder", marks=pytest.mark.full), "da3_anyview_small"]
)
def test_an_unchanged_network_is_written_as_convert_writes_its_source(case: str, tmp_path: Path) -> None:
    source = golden(case).save(tmp_path)
    convert(source, tmp_path / "converted.safetensors", **golden(case).told, sync=False)
    load_any_dpt(source, **golden(case).options).save(tmp_path / "saved.safetensors", sync=False)
    load_any_dpt(tmp_path / "saved.safetensors").save(tmp_path / "again.safetensors", sync=False)
    expected = (tmp_path / "converted.safetensors").read_bytes()
    assert (tmp_path / "saved.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes() == expected


def test_so_is_one_that_was_loaded_in_another_type(original: Path, tmp_path: Path) -> None:
    convert(original, tmp_path / "half.safetensors", dtype="float16", sync=False)
    load_any_dpt(original, dtype="float16").save(tmp_path / "saved.safetensors", sync=False)
    load_any_dpt(original).save(tmp_path / "cast.safetensors", dtype="float16", sync=False)
    assert (tmp_path / "saved.safetensors").read_bytes() == (tmp_path / "half.safetensors").read_bytes()
    assert_same(load_any_dpt(tmp_path / "cast.safetensors").state_dict(), load_any_dpt(tmp_path / "half.safetensors").state_dict())


@pytest.mark.parametrize("hold", [lambda path: torch.load(path, weights_only=True), Path.read_bytes])
def test_what_was_in_memory_is_known_again_by_its_fingerprint(hold: Callable[[Path], Any], original: Path, tmp_path: Path) -> None:
    load_any_dpt(hold(original), family="depth_anything_v2").save(tmp_path / "saved.safetensors", sync=False)
    assert inspect(tmp_path / "saved.safetensors").source["fingerprint"] == inspect(original).source["fingerprint"]
    assert verify(original, tmp_path / "saved.safetensors").holds


def test_a_trained_network_loads_as_it_was_and_says_what_it_was_trained_from(original: Path, tmp_path: Path) -> None:
    model = trained(load_any_dpt(original))
    model.save(tmp_path / "tuned.safetensors", training="one step", sync=False)
    assert_same(load_any_dpt(tmp_path / "tuned.safetensors").state_dict(), model.state_dict())
    before, after = inspect(original).source, inspect(tmp_path / "tuned.safetensors").source
    assert (after["file"], after["trained_from"], after["training"]) == (original.name, before["fingerprint"], "one step")
    assert after["fingerprint"] not in (before["fingerprint"], "")


def test_that_weights_were_changed_is_said_where_nobody_does(original: Path, tmp_path: Path) -> None:
    trained(load_any_dpt(original)).save(tmp_path / "tuned.safetensors", sync=False)
    assert "changed in Python" in inspect(tmp_path / "tuned.safetensors").source["training"]


def test_a_trained_network_leads_back_to_the_original_s_layout(original: Path, tmp_path: Path) -> None:
    model = trained(load_any_dpt(original))
    model.save(tmp_path / "tuned.safetensors", sync=False)
    export(tmp_path / "tuned.safetensors", tmp_path / "depth_anything_v2_vits_tuned.pth", keeper=original, sync=False)
    assert_same(load_any_dpt(tmp_path / "depth_anything_v2_vits_tuned.pth").state_dict(), model.state_dict())


@pytest.mark.parametrize(
    "other", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), torch.compile], ids=["copy", "pickle", "compiled"]
)
def test_copies_of_a_network_know_where_it_came_from(other: Callable[[Network], Any], original: Path, tmp_path: Path) -> None:
    other(load_any_dpt(original)).save(tmp_path / "saved.safetensors", sync=False)
    convert(original, tmp_path / "converted.safetensors", sync=False)
    assert (tmp_path / "saved.safetensors").read_bytes() == (tmp_path / "converted.safetensors").read_bytes()


def test_a_frozen_network_is_saved_like_any(tmp_path: Path) -> None:
    source = golden("hybrid").save(tmp_path, "dpt_hybrid_384.pt")
    model = load_any_dpt(source)
    fast.freeze(model)
    model.save(tmp_path / "saved.safetensors", sync=False)
    assert verify(source, tmp_path / "saved.safetensors").holds


def test_a_network_may_be_saved_over_the_file_it_came_from(original: Path, tmp_path: Path) -> None:
    load_any_dpt(original).save(tmp_path / "best.safetensors", sync=False)
    model = trained(load_any_dpt(tmp_path / "best.safetensors"))
    for _ in range(2):
        model.save(tmp_path / "best.safetensors", force=True, sync=False)
        assert_same(load_any_dpt(tmp_path / "best.safetensors").state_dict(), model.state_dict())
    assert inspect(tmp_path / "best.safetensors").source["trained_from"] == inspect(original).source["fingerprint"]


def test_what_was_set_in_python_is_in_the_file_and_says_so(original: Path, tmp_path: Path) -> None:
    model = load_any_dpt(original)
    model.config = replace(model.config, image=replace(model.config.image, size=84))
    model.save(tmp_path / "saved.safetensors", sync=False)
    match = inspect(tmp_path / "saved.safetensors").match
    assert match.config == model.config
    assert str(match.evidence["image.size"]) == "training arguments: set in Python"


def test_a_network_that_is_no_longer_what_it_says_is_not_saved(original: Path, tmp_path: Path) -> None:
    model = load_any_dpt(original)
    model.add_module("auxiliary", torch.nn.Linear(2, 2))
    with pytest.raises(Refusal, match=r"^the network looks like depth_anything_v2 but also holds auxiliary\.weight"):
        model.save(tmp_path / "saved.safetensors")
    assert list(tmp_path.glob("saved*")) == []


def test_a_file_is_not_replaced_unless_that_is_asked_for(original: Path, tmp_path: Path) -> None:
    (tmp_path / "there.safetensors").touch()
    with pytest.raises(Refusal, match="exists already"):
        load_any_dpt(original).save(tmp_path / "there.safetensors")
    with pytest.raises(Refusal, match=r"does not end in \.safetensors"):
        load_any_dpt(original).save(tmp_path / "model.pth")


def test_a_network_that_was_only_built_came_from_nowhere(original: Path, tmp_path: Path) -> None:
    with torch.device("meta"), pytest.raises(TypeError, match="load_any_dpt"):
        build(load_any_dpt(original).config).save(tmp_path / "saved.safetensors")


@pytest.fixture
def plain(original: Path, tmp_path: Path) -> tuple[Path, Network]:
    """A network's weights as safetensors' own function saves them, and the network."""
    model = trained(load_any_dpt(original))
    save_file(model.state_dict(), tmp_path / "plain.safetensors")
    return tmp_path / "plain.safetensors", model


def test_plain_weights_are_recognised_and_asked_about(plain: tuple[Path, Network], tmp_path: Path) -> None:
    path, model = plain
    torch.save({"model": model.state_dict(), "epoch": 3}, tmp_path / "latest.pth")
    for given in (path, tmp_path / "latest.pth", model.state_dict()):
        with pytest.raises(
            Refusal, match=r"weights under the names that networks here give them .* like=CHECKPOINT\) or --like CHECKPOINT"
        ):
            load_any_dpt(given)


def test_plain_weights_take_the_configuration_of_the_original_or_of_a_converted_file(
    plain: tuple[Path, Network], original: Path, tmp_path: Path
) -> None:
    path, model = plain
    convert(original, tmp_path / "converted.safetensors", sync=False)
    for like in (original, tmp_path / "converted.safetensors"):
        loaded = load_any_dpt(path, like=like)
        assert loaded.config == model.config
        assert_same(loaded.state_dict(), model.state_dict())
    loaded.save(tmp_path / "saved.safetensors", sync=False)
    source = inspect(tmp_path / "saved.safetensors").source
    assert source["trained_from"] == inspect(original).source["fingerprint"]
    assert source["training"].startswith("weights of plain.safetensors")


def test_the_command_line_is_told_the_same_way(plain: tuple[Path, Network], original: Path, muggle_convert_here: Command) -> None:
    assert muggle_convert_here("inspect", plain[0]).returncode == 1
    assert "then trained" in muggle_convert_here("inspect", plain[0], "--like", original).stdout


def test_plain_weights_of_another_network_are_refused(plain: tuple[Path, Network], tmp_path: Path) -> None:
    other = golden("hybrid").save(tmp_path, "dpt_hybrid_384.pt")
    with pytest.raises(Refusal, match=r"plain\.safetensors looks like dpt_hybrid but lacks"):
        load_any_dpt(plain[0], like=other)
