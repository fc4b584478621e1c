"""A picture in, a prediction of the picture's own size out."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model_defs.build import build
from model_defs.dpt import DPT
from model_defs.network import Network
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.predict.passes import TOGETHER
from muggle_convert.predict.predictor import main_map
from tests.configurations import SMALL
from tests.goldens import GOLDENS, TOLERANCE, Golden, golden, goldens, uint8_picture

CASES = GOLDENS.parent / "predict"
PICTURE = uint8_picture(50, 81, 1)
WHOLE = [case for case in goldens() if any("frames" not in spec for spec in case.manifest.get("infer_inputs", {}).values())]


def cases() -> list[dict[str, Any]]:
    return list(json.loads((CASES / "cases.json").read_text()))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["case"])
def test_a_prediction_is_what_original_transforms_network_and_resize_give(case: dict[str, Any], tmp_path: Path) -> None:
    reference = golden(case["case"])
    model = load_any_dpt(reference.save(tmp_path), **reference.options).double()  # as the original computed
    height, width, _ = case["image_shape"]

    prediction = model.predict(uint8_picture(height, width, case["image_seed"]))

    assert prediction.shape == (height, width)
    expected, step = np.load(CASES / "expected.npz")[case["case"]], case["stride"]
    if model.config.output.kind == "classes":
        assert np.array_equal(prediction[::step, ::step], expected)
    else:
        assert np.abs(prediction[::step, ::step] - expected).max() < TOLERANCE * expected.std()


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_a_prediction_is_what_the_original_s_own_inference_gives(case: Golden, tmp_path: Path) -> None:
    model = load_any_dpt(case.save(tmp_path), **case.options)
    for picture, expected in case.whole_pictures():
        prediction = model.predict(picture)
        assert prediction.shape == picture.shape[:2]
        assert np.abs(prediction - expected).max() < TOLERANCE * expected.std()


def test_every_family_with_a_reference_case_is_predicted_end_to_end() -> None:
    covered = {golden(case["case"]).family for case in cases()} | {case.family for case in WHOLE}
    not_one_picture, not_resized_back = (
        {"dust3r", "mast3r", "prompt_depth_anything", "vggt", "video_depth_anything"},
        {"depth_anything_3", "depth_anything_v1_metric", "dinov2_depth"},
    )
    assert {case.family for case in goldens()} - not_one_picture - not_resized_back == covered


def test_a_path_an_image_and_an_array_predict_the_same(model: Network, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(PICTURE).save(path)
    expected = model.predict(PICTURE)
    assert expected.shape == (50, 81)
    assert expected.dtype == np.float32
    for picture in (path, str(path), Image.open(path)):
        assert np.array_equal(model.predict(picture), expected)


def test_a_list_is_predicted_as_batches_in_its_own_order(model: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOGETHER, "cpu", 8)
    pictures = [uint8_picture(*size, seed) for seed, size in enumerate([(50, 81), (30, 30), (50, 80), (81, 50), (50, 81)] * 4)]
    passes: list[int] = []
    handle = model.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))

    together = model.predict(list(pictures))
    handle.remove()

    assert max(passes) > 1
    assert sum(passes) == len(pictures)
    for picture, prediction in zip(pictures, together, strict=True):
        assert prediction.shape == picture.shape[:2]
        assert np.allclose(prediction, model.predict(picture), atol=1e-5)


def test_an_empty_list_predicts_nothing(model: Network) -> None:
    assert model.predict([]) == []


def test_a_larger_size_shows_the_network_more_pixels(model: Network) -> None:
    shapes: list[torch.Size] = []
    handle = model.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))
    predictions = [model.predict(PICTURE, size) for size in (None, 140)]
    handle.remove()
    assert shapes == [(1, 3, 70, 112), (1, 3, 140, 224)]
    assert [prediction.shape for prediction in predictions] == [(50, 81)] * 2


def test_a_network_that_predicts_is_still_the_network_it_was(model: Network) -> None:
    assert isinstance(model, DPT)
    with torch.device("meta"):
        plain = build(model.config)
    assert isinstance(model, type(plain))
    assert list(model.state_dict()) == list(plain.state_dict())
    assert not model.training


def test_a_network_that_was_only_built_says_how_to_get_one_that_takes_pictures() -> None:
    with torch.device("meta"), pytest.raises(TypeError, match=r"load_any_dpt"):
        build(SMALL["depth_anything_v2"].config).predict(PICTURE)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copied", "pickled"])
def test_a_duplicate_predicts_the_same_with_weights_of_its_own(model: Network, duplicate: Any) -> None:
    other = duplicate(model)
    assert np.array_equal(other.predict(PICTURE), model.predict(PICTURE))
    with torch.no_grad():
        other.head.proj_1ch[2].bias += 1
    assert not np.array_equal(other.predict(PICTURE), model.predict(PICTURE))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_picture_takes_the_type_of_the_weights(model: Network, dtype: torch.dtype) -> None:
    prediction = copy.deepcopy(model).to(dtype).predict(PICTURE)
    expected = model.predict(PICTURE)
    assert prediction.dtype == np.float32
    assert np.abs(prediction - expected).max() < 0.1 * expected.std()


def test_a_network_in_training_mode_is_refused(model: Network) -> None:
    with pytest.raises(Refusal, match=r"call model\.eval\(\) first"):
        copy.deepcopy(model).train().predict(PICTURE)


def test_a_compiled_network_predicts_with_its_compiled_code(model: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda call, **options: lambda *inputs: calls.append(options) or call(*inputs))
    other = copy.deepcopy(model)
    other.compile(backend="any")  # that compiled networks compute the same is held elsewhere, with the real compiler
    assert np.array_equal(other.predict(PICTURE), model.predict(PICTURE))
    assert calls == [{"backend": "any"}]


def test_a_network_of_several_outputs_predicts_each_by_name_at_the_size_of_the_picture(model: Network) -> None:
    other = copy.deepcopy(model)
    other.outputs = ("depth", "sky")
    depth = other.forward
    other.forward = lambda image: {"depth": depth(image), "sky": image[:, :2]}  # type: ignore[method-assign]
    one, two = other.predict([PICTURE, PICTURE])
    assert {name: found.shape for name, found in one.items()} == {"depth": (50, 81), "sky": (50, 81, 2)}
    assert np.allclose(two["depth"], model.predict(PICTURE), atol=1e-5)
    assert main_map(two) is two["depth"]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_tiny_pictures_get_a_prediction_of_their_size(model: Network, size: tuple[int, int]) -> None:
    assert model.predict(uint8_picture(*size, 3)).shape == size


def test_a_huge_picture_gets_a_prediction_of_its_size(model: Network) -> None:
    assert model.predict(np.zeros((3000, 5000, 3), np.uint8)).shape == (3000, 5000)


def test_several_channels_come_last(tmp_path: Path) -> None:
    reference = golden("hybrid_3_channels")
    model = load_any_dpt(reference.save(tmp_path), **reference.options)
    assert model.config.output.kind == "channels"
    assert model.predict(PICTURE).shape == (50, 81, 3)


def test_classes_are_numbered_from_zero(tmp_path: Path) -> None:
    reference = golden("vit_seg_19")
    prediction = load_any_dpt(reference.save(tmp_path), **reference.options).predict(PICTURE, size=96)
    assert prediction.shape == (50, 81)
    assert prediction.dtype == np.int64
    assert 0 <= prediction.min() < prediction.max() < 19


def test_a_prediction_that_is_no_number_is_refused_and_not_handed_out() -> None:
    model = load_any_dpt("fixtures/converted/dpt_vit.safetensors", dtype="bfloat16")
    with torch.no_grad():
        model.get_parameter("head.proj_1ch.2.bias").fill_(torch.nan)
    with pytest.raises(Refusal, match=r"not a number for 100.0% of the pixels; the cause may be bfloat16, where float32 may do\.$"):
        model.predict(np.zeros((32, 48, 3), np.uint8))
