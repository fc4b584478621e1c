"""Whether the weights of a graph are those of its original."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from muggle_convert import convert, load_any_dpt, verify
from muggle_convert.errors import Notice
from muggle_convert.identify.document import KEY
from muggle_convert.identify.read import open_anywhere, read
from muggle_convert.identify.reading_like import read_like
from muggle_convert.onnx.description import GRAPH_KEY, Graph, Trial
from muggle_convert.verifying import Fared
from muggle_convert.verifying.weights import GraphComparison
from tests.goldens import golden
from tests.hostile import onnx_forge as forge

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden("depth_anything_v2").save(tmp_path_factory.mktemp("original"), "depth_anything_v2_vits.pth")


@pytest.fixture(scope="module")
def weights(original: Path) -> Arrays:
    return {name: tensor.numpy() for name, tensor in load_any_dpt(original).state_dict().items()}


@pytest.fixture
def graph_of(tmp_path: Path, original: Path) -> Callable[..., Path]:
    """A graph that holds some tensors, and says that it was made from the original."""
    convert(original, tmp_path / "converted.safetensors", sync=False)
    document = read(tmp_path / "converted.safetensors").document
    assert document is not None
    described = Graph(
        {"pixel_values": forge.IMAGE}, {"predicted_depth": forge.DEPTH}, "float32", 18, False, None, (Trial((1, 3, 28, 28), 0.0),)
    )

    def write(tensors: Arrays) -> Path:
        held = forge.initializers(*(forge.tensor(name, np.ascontiguousarray(array)) for name, array in tensors.items()))
        path = tmp_path / "model.onnx"
        path.write_bytes(
            forge.model(forge.mean_graph(forge.IMAGE, forge.DEPTH, held), {KEY: document.to_json(), GRAPH_KEY: described.to_json()})
        )
        return path

    return write


def fared(original: Path, graph: Path) -> dict[str, tuple[Fared, str]]:
    theirs = read(graph)
    comparison = GraphComparison(read_like(theirs, open_anywhere(original)), theirs)
    return {verdict.name: (verdict.fared, verdict.detail) for verdict in comparison.verdicts()}


def test_weights_are_found_by_their_numbers_in_any_order_of_axes(original, weights, graph_of) -> None:
    laid = {f"val_{one}": array.T for one, array in enumerate(weights.values())}
    verdicts = fared(original, graph_of(laid))
    assert {verdicts[name][0] for name in weights} == {Fared.EQUAL}
    assert {"", "its axes in another order"} == {verdicts[name][1] for name in weights}
    assert {how for name, (how, _) in verdicts.items() if name not in weights} == {Fared.UNUSED}


def test_a_single_flipped_bit_is_noticed_under_any_name(original, weights, graph_of) -> None:
    name = "imgencoder.blocks.3.mlp.fc1.weight"
    for called in (name, "val_17"):
        changed = {called if one == name else one: array.copy() for one, array in weights.items()}
        changed[called].view(np.uint32)[5, 7] ^= 1
        verdicts = fared(original, graph_of(changed))
        assert [one for one, (how, _) in verdicts.items() if how is Fared.DIFFERENT] == [name]
        assert called in verdicts[name][1] or called == name


def test_half_precision_is_the_original_rounded(original, weights, graph_of) -> None:
    verdicts = fared(original, graph_of({name: array.astype(np.float16).T for name, array in weights.items()}))
    assert {verdicts[name][0] for name in weights} == {Fared.ROUNDED}
    assert verdicts["imgencoder.blocks.0.attn.qkv.weight"][1].startswith("F32 in the original, F16")


def test_eight_bits_are_within_half_a_step_of_the_original(original, weights, graph_of) -> None:
    name = "imgencoder.blocks.0.attn.qkv.weight"
    matrix = weights[name].T
    scale = (abs(matrix).max(0) / 127).astype(np.float32)
    steps = np.round(matrix / scale).astype(np.int8)
    others = {other: array for other, array in weights.items() if other != name}
    quantised = {"val_3_quantized": steps, "val_3_scale": scale, "val_3_zero_point": np.zeros_like(scale, np.int8)}
    assert fared(original, graph_of({**others, **quantised}))[name][0] is Fared.QUANTISED
    steps[3, 4] += 2
    assert fared(original, graph_of({**others, **quantised}))[name][0] is Fared.DIFFERENT


def test_what_was_worked_into_other_numbers_is_named(original, weights, graph_of) -> None:
    name = "posenc.base_patch_embedding"
    assert fared(original, graph_of({other: array for other, array in weights.items() if other != name}))[name] == (Fared.FOLDED, name)


def test_a_graph_with_the_right_weights_that_computes_something_else_does_not_hold(
    original, weights, graph_of, muggle_convert_here
) -> None:
    path = graph_of(weights)
    verification = verify(original, path)
    assert set(verification.counts) == {Fared.EQUAL, Fared.UNUSED}
    assert not verification.holds
    assert list(verification.predictions or {}) == ["28 x 28"]
    done = muggle_convert_here("verify", original, path)
    assert done.returncode == 1
    assert "the graph predicts otherwise than this original: more than 0.0005 standard deviations" in done.stdout


def test_a_stranger_s_graph_is_held_against_the_original(original, weights, tmp_path) -> None:
    held = forge.initializers(*(forge.tensor(name, array) for name, array in weights.items()))
    (tmp_path / "stranger.onnx").write_bytes(forge.model(forge.mean_graph((1, 3, 28, 28), (1, 28, 28), held)))
    with pytest.warns(Notice, match="28 x 28 pixels only"):
        verification = verify(original, tmp_path / "stranger.onnx")
    assert verification.counts[Fared.EQUAL] == len(weights)
    assert verification.predictions
    images = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = load_any_dpt(original)(images)
    found = 2 * images.mean(1)
    assert verification.predictions["28 x 28"] == pytest.approx(float((found - expected).abs().max() / expected.double().std()), rel=1e-4)
