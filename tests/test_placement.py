"""Where a loaded network computes, and in which element type."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.errors import Assumption, Notice
from muggle_convert.placement import Placement

TOY = Path("fixtures/toy_depth_anything_v2_vit.pth")
CONVERTED = Path("fixtures/converted/depth_anything_v2.safetensors")


@pytest.fixture
def half(tmp_path: Path) -> Path:
    convert(CONVERTED, tmp_path / "half.safetensors", dtype="float16", sync=False)
    return tmp_path / "half.safetensors"


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """The instructions that this processor is said to have."""
    instructions: dict[str, bool] = {}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    return instructions


def test_half_precision_is_widened_where_the_processor_has_no_arithmetic_for_it(half: Path, processor: dict[str, bool]) -> None:
    with pytest.warns(Notice, match="the weights are float16, .* widened to float32; dtype float16 keeps them"):
        model = load_any_dpt(half)
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}


def test_half_precision_stays_where_the_processor_has_arithmetic_for_it(half: Path, processor: dict[str, bool]) -> None:
    processor["avx512_fp16"] = True
    with warnings.catch_warnings(action="error"):
        warnings.simplefilter("ignore", Assumption)
        model = load_any_dpt(half)
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float16}


def test_half_precision_stays_where_it_is_asked_for(half: Path, processor: dict[str, bool]) -> None:
    with warnings.catch_warnings(action="error"):
        warnings.simplefilter("ignore", Assumption)
        model = load_any_dpt(half, dtype="float16")
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float16}


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_weights_are_loaded_in_the_type_that_is_asked_for(dtype: str | torch.dtype) -> None:
    model = load_any_dpt(CONVERTED, dtype=dtype)
    for name, tensor in load_file(CONVERTED).items():
        assert torch.equal(model.state_dict()[name], tensor.to(torch.bfloat16))


def test_predictions_of_half_precision_weights_are_float32() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    depth = load_any_dpt(TOY, family="depth_anything_v2", dtype="bfloat16").predict(picture)
    assert depth.dtype == np.float32 and depth.shape == (40, 60)


def test_weights_beyond_half_precision_are_refused_by_name(tmp_path: Path) -> None:
    weights = {name: tensor.float() for name, tensor in load_file(CONVERTED).items()}
    name = "imgencoder.outnorm.weight"
    weights[name][0] = 1e6
    with safe_open(CONVERTED, "pt") as file:
        save_file(weights, tmp_path / "large.safetensors", file.metadata())
    with pytest.raises(Refusal, match=f"{name} holds numbers beyond the range of float16; bfloat16 and float32 can hold them."):
        load_any_dpt(tmp_path / "large.safetensors", dtype="float16")


@pytest.mark.parametrize("device", ["quantum", "meta", "vulkan", "cuda:99999"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(device: str) -> None:
    with pytest.raises(Refusal, match=rf"^nothing can be computed on device {device}: .{{1,202}}$"):
        load_any_dpt(CONVERTED, device=device)


def test_a_type_that_no_network_computes_in_is_refused() -> None:
    with pytest.raises(
        Refusal, match=r"^dtype int8 is no type that a network computes in; expected float32, tf32, float16, bfloat16, float64.$"
    ):
        load_any_dpt(CONVERTED, dtype="int8")


def test_without_a_word_a_network_stays_on_the_device_of_torch() -> None:
    with torch.device("meta"):
        assert Placement().place == torch.device("meta")


def test_products_are_rounded_only_where_that_is_asked_for() -> None:
    assert load_any_dpt(CONVERTED, dtype="float32").exact
    rounding = load_any_dpt(CONVERTED, dtype="tf32")
    assert not rounding.exact and next(rounding.parameters()).dtype is torch.float32


def test_what_half_precision_cannot_hold_keeps_float32() -> None:
    hybrid = load_any_dpt("fixtures/converted/dpt_hybrid.safetensors", dtype="float16")
    types = {name: tensor.dtype for name, tensor in hybrid.state_dict().items()}
    assert types["patch_embed.stem.weight"] is torch.float32 and types["head.proj_1ch.2.weight"] is torch.float16
    levit = load_any_dpt("fixtures/converted/dpt_levit.safetensors", dtype="float16")
    types = {name: tensor.dtype for name, tensor in levit.state_dict().items()}
    assert {dtype for name, dtype in types.items() if name.endswith("running_var")} == {torch.float32}
    pairs = load_any_dpt("fixtures/converted/dust3r.safetensors", dtype="float16")
    assert {tensor.dtype for tensor in pairs.views.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in pairs.imgencoder.parameters()} == {pairs.dtype} == {torch.float16}


def test_a_network_takes_pictures_in_the_type_it_computes_in_and_in_that_of_its_first_part() -> None:
    hybrid = load_any_dpt("fixtures/converted/dpt_hybrid.safetensors", dtype="bfloat16")
    image = torch.zeros(1, 3, 64, 64)
    with torch.inference_mode():
        assert hybrid.dtype is torch.bfloat16 and hybrid(image).dtype is torch.bfloat16
        assert torch.equal(hybrid(image.bfloat16()), hybrid(image))
    with pytest.raises(ValueError, match=r"expected torch.bfloat16 like the weights, got torch.float64"):
        hybrid(image.double())


def test_a_network_that_outgrows_half_precision_is_computed_in_float32() -> None:
    with pytest.warns(Notice, match="this network outgrows half precision: it is computed in float32"):
        network = load_any_dpt("fixtures/converted/dpt_next_vit.safetensors", dtype="float16")
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
