from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from examples.finetune.attention import plugged
from examples.finetune.first_alignment import set_output
from examples.finetune.saving import save
from examples.finetune.trainable import trainable
from model_defs.network import Network
from muggle_convert import Refusal, convert, export, inspect, load_any_dpt
from muggle_convert.cli.inspection_tables import show
from muggle_convert.families.shared.evidence import Evidence
from muggle_convert.identify.read import read
from muggle_convert.pushing.card import card
from muggle_convert.pushing.origin import Provenance
from tests.goldens import golden
from tests.same import assert_same


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")


def learned(source: Path, attention: str | None = None) -> tuple[Network, dict[str, Evidence]]:
    """As if it had been trained."""
    torch.manual_seed(0)
    loaded, changes = load_any_dpt(source), {}
    if attention is not None:
        new = plugged(loaded, attention)
        loaded, changes = new.model, dict(new.changes)
    model = trainable(loaded)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    return model.eval(), changes


@pytest.mark.parametrize("attention", [None, "performer", "memory-compressed"])
def test_the_file_loads_as_the_network_that_was_saved(attention: str | None, original: Path, tmp_path: Path) -> None:
    model, changes = learned(original, attention)
    save(model, read(original), "some steps", changes, tmp_path / "tuned.safetensors")
    back = load_any_dpt(tmp_path / "tuned.safetensors")
    assert back.config == model.config
    assert_same(back.state_dict(), model.state_dict())


def test_whoever_may_read_other_new_files_may_read_it(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original)
    save(model, read(original), "some steps", changes, tmp_path / "tuned.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "tuned.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_it_says_what_it_was_made_from_and_what_was_done_to_it(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original, "performer")
    save(model, read(original), "10 steps", changes, tmp_path / "tuned.safetensors")
    before, after = inspect(original), inspect(tmp_path / "tuned.safetensors")
    assert after.source["file"] == original.name
    assert after.source["trained_from"] == before.source["fingerprint"] != after.source["fingerprint"]
    assert after.source["training"] == "10 steps"
    assert str(after.match.evidence["encoder.attention.features"]) == "flag: --attention performer"
    assert str(after.match.evidence["encoder.width"]) == str(before.match.evidence["encoder.width"])


def test_people_and_the_hub_are_told_that_it_was_trained(original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, changes = learned(original)
    save(model, read(original), "10 steps", changes, tmp_path / "tuned.safetensors")
    inspection = inspect(tmp_path / "tuned.safetensors")
    show(inspection)
    assert "then trained  10 steps" in capsys.readouterr().out
    page = card(inspection, Provenance("me/tuned", "mit", "whoever pushed it", None, "0" * 64))
    assert "| then trained | 10 steps |" in page
    assert f"| fingerprint of the source | `{inspection.source['trained_from']}` |" in page
    assert "muggle-convert verify" not in page


def test_the_forks_layout_is_not_written_for_a_hybrid_that_the_fork_would_run_otherwise(tmp_path: Path) -> None:
    original = golden("hybrid").save(tmp_path, "dpt_hybrid_384.pt")
    model, changes = learned(original, "performer")
    save(model, read(original), "some steps", changes, tmp_path / "tuned.safetensors")
    with pytest.raises(Refusal, match=r"resizes its positions bilinear, and the code that reads .* resizes them bilinear aligned"):
        export(tmp_path / "tuned.safetensors", tmp_path / "back.pt", to="original")


def test_transformers_has_no_place_for_the_scale_and_shift_of_a_relative_model_made_metric(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original)
    set_output(model, replace(model.config.output, kind="metric depth", invert=True, scale=0.1, shift=0.01))
    save(model, read(original), "10 steps", changes, tmp_path / "tuned.safetensors")
    with pytest.raises(Refusal, match="no inversion to metres"):
        export(tmp_path / "tuned.safetensors", tmp_path / "folder", to="transformers")


def test_other_weights_have_another_fingerprint(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original)
    for name in ("one", "same"):
        save(model, read(original), "some steps", changes, tmp_path / f"{name}.safetensors")
    with torch.no_grad():
        model.get_parameter("head.proj_1ch.2.bias").add_(1)
    save(model, read(original), "some steps", changes, tmp_path / "other.safetensors")
    one, same, other = (inspect(tmp_path / f"{name}.safetensors").source["fingerprint"] for name in ("one", "same", "other"))
    assert one == same != other


def test_the_way_back_ends_at_the_originals_layout(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original)
    save(model, read(original), "some steps", changes, tmp_path / "tuned.safetensors")
    export(tmp_path / "tuned.safetensors", tmp_path / "depth_anything_v2_vits_tuned.pth", to="original")
    before, after = (torch.load(tmp_path / name, weights_only=True) for name in (original.name, "depth_anything_v2_vits_tuned.pth"))
    assert before.keys() == after.keys()
    assert_same(load_any_dpt(tmp_path / "depth_anything_v2_vits_tuned.pth").state_dict(), model.state_dict())


def test_a_tuned_file_is_tuned_again_like_any(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original)
    save(model, read(original), "first", changes, tmp_path / "first.safetensors")
    model, changes = learned(tmp_path / "first.safetensors")
    save(model, read(tmp_path / "first.safetensors"), "second", changes, tmp_path / "second.safetensors")
    first, second = (inspect(tmp_path / f"{name}.safetensors").source for name in ("first", "second"))
    assert (second["file"], second["trained_from"]) == (original.name, first["fingerprint"])
    convert(tmp_path / "second.safetensors", tmp_path / "half.safetensors", dtype="float16")
    assert load_any_dpt(tmp_path / "half.safetensors").predict(torch.zeros(28, 28, 3, dtype=torch.uint8).numpy()).shape == (28, 28)


def test_the_original_layout_has_no_place_for_another_attention(original: Path, tmp_path: Path) -> None:
    model, changes = learned(original, "performer")
    save(model, read(original), "some steps", changes, tmp_path / "tuned.safetensors")
    with pytest.raises(Refusal, match=r"attn\.directions, for which the original layout of depth_anything_v2 has no place"):
        export(tmp_path / "tuned.safetensors", tmp_path / "back.pth", to="original")
