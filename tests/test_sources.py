"""Whatever holds a checkpoint is loaded as the same model; what holds none is refused in a sentence."""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from muggle_convert import Refusal, load_any_dpt
from tests.goldens import TOLERANCE, golden
from tests.same import assert_same

CASE = golden("depth_anything_v2")
FAMILY = "depth_anything_v2"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CASE.save(tmp_path_factory.mktemp("checkpoint"), "depth_anything_v2_vits.pth")


def test_a_path_and_an_open_file_say_their_names(checkpoint: Path) -> None:
    expected = load_any_dpt(str(checkpoint)).state_dict()
    stream = BytesIO(checkpoint.read_bytes())
    stream.name = f"bucket/{checkpoint.name}"  # as files of object storage are called
    with open(checkpoint, "rb") as file:
        for given in (checkpoint, file, stream):
            assert_same(load_any_dpt(given).state_dict(), expected)


@pytest.mark.parametrize("wrap", [bytes, bytearray, BytesIO])
def test_bytes_are_read_as_a_file_of_any_format(wrap: Any, checkpoint: Path) -> None:
    for content in (checkpoint.read_bytes(), save(CASE.state_dict())):
        assert CASE.error(load_any_dpt(wrap(content), family=FAMILY)) <= TOLERANCE


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda weights: weights, id="state dict"),
        pytest.param(lambda weights: OrderedDict((f"module.{name}", tensor) for name, tensor in weights.items()), id="prefix"),
        pytest.param(lambda weights: {name: torch.nn.Parameter(tensor) for name, tensor in weights.items()}, id="parameters"),
        pytest.param(lambda weights: {name: tensor.numpy() for name, tensor in weights.items()}, id="arrays"),
        pytest.param(lambda weights: {name: tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor for name, tensor in weights.items()}, id="strides"),
        pytest.param(lambda weights: {"epoch": 3, "model": weights, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}}, id="training"),
    ],
)  # fmt: skip
def test_a_dictionary_of_tensors_is_read_as_a_file_that_holds_it(given: Any) -> None:
    assert CASE.error(load_any_dpt(given(CASE.state_dict()), family=FAMILY)) <= TOLERANCE


def test_what_lies_around_the_weights_tells_as_much_as_in_a_file() -> None:
    arguments = Namespace(encoder="vits", max_depth=80.0, save_path=Path("runs"))
    model = load_any_dpt({"model": CASE.state_dict(), "args": arguments}, family=FAMILY)
    assert model.config.output.max_depth == 80.0


def test_one_of_two_models_in_a_dictionary_can_be_chosen() -> None:
    both = {"student": {name: torch.zeros_like(tensor) for name, tensor in CASE.state_dict().items()}, "teacher": CASE.state_dict()}
    with pytest.raises(Refusal, match="'student', 'teacher'; say which with --state KEY"):
        load_any_dpt(both, family=FAMILY)
    assert CASE.error(load_any_dpt(both, family=FAMILY, state="teacher")) <= TOLERANCE


def test_the_network_has_memory_of_its_own() -> None:
    weights = CASE.state_dict()
    with torch.no_grad():
        for parameter in load_any_dpt(weights, family=FAMILY).parameters():
            parameter.zero_()
    assert_same(weights, CASE.state_dict())


def test_tied_weights_of_a_dictionary_stay_one() -> None:
    case = golden("dust3r_one_decoder")
    model = load_any_dpt(case.state_dict(), **case.options)
    assert case.error(model) <= TOLERANCE


def test_half_of_a_model_may_be_in_memory(tmp_path: Path) -> None:
    case = golden("dinov2_dpt_nyu_small")
    head, backbone = case.save_halves(tmp_path)
    model = load_any_dpt(head, backbone=torch.load(backbone, weights_only=True), **case.options)
    assert case.error(model) <= TOLERANCE


def test_weights_without_a_name_are_asked_about() -> None:
    with pytest.raises(Refusal, match=r"^the dictionary of tensors fits depth_anything_v1 and depth_anything_v2.* \(family= in Python\)"):
        load_any_dpt(CASE.state_dict())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "a checkpoint is a path, a name on the Hugging Face Hub, .* not NoneType"),
        ([CASE], "not list"),
        (torch.nn.Linear(2, 2), r"a Linear is a network and not a checkpoint; pass its weights: network\.state_dict\(\)"),
        (b"", "^the file in memory is empty"),
        (b"<html>", "^the file in memory is an HTML page"),
        (StringIO("text"), "is open as a text; open it in binary"),
        ({}, "^the dictionary of tensors holds no state dict"),
        ({"weight": torch.ones(2, device="meta")}, r"on the meta device \(without values\)"),
        ({"weight": torch.eye(2).to_sparse()}, "a sparse tensor, which a safetensors file cannot hold"),
    ],
)
def test_whatever_else_is_given_gets_one_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        load_any_dpt(given)


def test_what_does_not_belong_is_left_out_of_a_dictionary_as_of_a_file() -> None:
    weights = {**CASE.state_dict(), "auxiliary.0.weight": torch.ones(3)}
    assert CASE.error(load_any_dpt(weights, family=FAMILY, drops=["auxiliary.{n}.weight"])) <= TOLERANCE
