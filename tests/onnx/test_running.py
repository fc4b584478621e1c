"""A graph in the place of a network: whatever takes pictures through one takes them through the other."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model_defs.config import DPTConfig
from model_defs.plain_values import from_dict, to_dict
from muggle_convert import Refusal, inspect, load_any_dpt
from muggle_convert.errors import Notice
from muggle_convert.identify.document import KEY, Document
from muggle_convert.identify.read import read
from muggle_convert.inspection import Inspection
from muggle_convert.onnx.description import GRAPH_KEY, Graph, Trial
from muggle_convert.predict.tensors import prepare
from muggle_convert.writing.converted_file import WriteOptions, describe, settle
from tests.goldens import golden
from tests.hostile import onnx_forge as forge

PICTURE = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Of a narrow Depth-Anything V2, trained at 70 pixels."""
    path = golden("depth_anything_v2").save(tmp_path_factory.mktemp("checkpoint"), "depth_anything_v2_vits.pth")
    known = describe(settle(read(path), WriteOptions()), WriteOptions())
    return replace(known, source={**known.source, "fingerprint": "0" * 64})


def described(image: tuple[int | str, ...] = forge.IMAGE, depth: tuple[int | str, ...] = forge.DEPTH, **more: object) -> Graph:
    known = Graph({"pixel_values": image}, {"predicted_depth": depth}, "float32", 18, False, None, (Trial((1, 3, 70, 70), 1e-6),))
    return replace(known, **more)  # type: ignore[arg-type]


def written(folder: Path, document: Document, graph: Graph | None = None, whole: bytes | None = None) -> Path:
    """The mean of the channels, twice, that says it is a network of this document."""
    graph = graph or described()
    whole = whole or forge.mean_graph(graph.inputs["pixel_values"], graph.outputs["predicted_depth"])
    path = folder / "model.onnx"
    path.write_bytes(forge.model(whole, {KEY: document.to_json(), GRAPH_KEY: graph.to_json()}))
    return path


def expected(config: DPTConfig) -> torch.Tensor:
    """What the graph makes of the picture, at the network's size."""
    return 2 * prepare(PICTURE, config.image).mean(0)


def test_a_graph_predicts_as_its_network_would(tmp_path, document) -> None:
    model = load_any_dpt(written(tmp_path, document))
    assert model.config == document.config
    image = prepare(PICTURE, model.config.image)[None]
    assert torch.allclose(model(image)[0], expected(model.config), atol=1e-6)
    predicted = model.predict(PICTURE)
    assert predicted.shape == PICTURE.shape[:2]
    assert model.predict([PICTURE, PICTURE])[1].tobytes() == predicted.tobytes()
    assert abs(predicted - 2 * ((PICTURE / 255 - model.config.image.mean) / model.config.image.std).mean(-1)).mean() < 0.5


def test_depth_and_eval_take_a_graph(muggle_convert_here, tmp_path, document) -> None:
    from PIL import Image

    path = written(tmp_path, document)
    for folder in ("images", "truth"):
        (tmp_path / folder).mkdir()
    Image.fromarray(PICTURE).save(tmp_path / "images" / "a.png")
    np.save(tmp_path / "truth" / "a.npy", np.linspace(1, 2, 2400, dtype=np.float32).reshape(40, 60))
    drawn = muggle_convert_here("depth", tmp_path / "images", "-m", path, "-o", tmp_path / "out", "--format", "npy")
    assert drawn.returncode == 0, drawn.stderr
    assert np.load(tmp_path / "out" / "a.npy").tobytes() == load_any_dpt(path).predict(PICTURE).tobytes()
    judged = muggle_convert_here("eval", path, "--images", tmp_path / "images", "--truth", tmp_path / "truth")
    assert judged.returncode == 0, judged.stderr
    assert "model.onnx" in judged.stdout


def test_a_graph_of_one_size_gets_pictures_of_that_size(tmp_path, document) -> None:
    graph = described((1, 3, 28, 42), (1, 28, 42), size=(28, 42))
    with pytest.warns(Notice, match="42 x 28 pixels only"):
        model = load_any_dpt(written(tmp_path, document, graph))
    assert model.predict(PICTURE).shape == PICTURE.shape[:2]
    assert len(model.predict([PICTURE, PICTURE])) == 2
    with pytest.raises(ValueError, match=r"pixel_values of shape \(1, 3, 28, 42\), got \(1, 3, 70, 70\)"):
        model(torch.zeros(1, 3, 70, 70))


def test_a_graph_with_its_own_preprocessing_gets_the_picture_itself(tmp_path, document) -> None:
    cast = forge.stretch(1, "to") + forge.number(3, 1) + forge.number(20, 2)
    whole = forge.graph(
        forge.nodes(
            forge.node("Cast", ["pictures"], ["numbers"], cast),
            forge.node("ReduceMean", ["numbers", "axes"], ["predicted_depth"], forge.integer("keepdims", 0)),
        ),
        forge.initializers(*forge.WEIGHTS, forge.tensor("axes", np.array([3]))),
        forge.inputs(forge.value("pictures", ("batch", "height", "width", 3), kind=2)),
        forge.outputs(forge.value("predicted_depth", forge.DEPTH)),
    )
    graph = replace(described(), inputs={"pictures": ("batch", "height", "width", 3)}, has_preprocessing=True)
    assert np.allclose(load_any_dpt(written(tmp_path, document, graph, whole)).predict(PICTURE), PICTURE.mean(-1), atol=1e-3)


def test_what_takes_the_checkpoint_refuses_its_graph(muggle_convert_here, tmp_path, document) -> None:
    path = written(tmp_path, document)
    for line in (
        ["convert", path, "-o", tmp_path / "out.safetensors"],
        ["export", path, "--to", "original", "-o", tmp_path / "out.pth"],
        ["push", path, "some/where", "--dry-run"],
    ):
        done = muggle_convert_here(*line)
        assert (done.returncode, done.stdout) == (1, "")
        assert "model.onnx is an ONNX graph, whose weights are arranged for running" in done.stderr
    with pytest.raises(Refusal, match="export the checkpoint again with --set"):
        load_any_dpt(path, max_depth=20)
    with pytest.raises(Refusal, match="was converted as depth_anything_v2, not as dust3r"):
        load_any_dpt(path, family="dust3r")


def test_what_a_graph_cannot_do_is_said(tmp_path, document) -> None:
    model = load_any_dpt(written(tmp_path, document))
    for asked, words in (
        (model.train, "cannot be trained"),
        (model.half, "export it again with --dtype"),
        (lambda: model.to("meta"), "load it again with device="),
        (lambda: model.predict_views([PICTURE, PICTURE]), "looks at each picture by itself"),
    ):
        with pytest.raises(Refusal, match=words):
            asked()
    with pytest.raises(Refusal, match="settled when it is exported; leave --dtype out"):
        load_any_dpt(tmp_path / "model.onnx", dtype="float16")
    frames = np.stack([PICTURE, PICTURE])
    assert model.predict_video(frames).shape == (2, *PICTURE.shape[:2])


def test_without_onnx_runtime_it_is_said_what_to_install(tmp_path, document, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Refusal, match=r"pip install 'muggle-convert\[onnx\]'"):
        load_any_dpt(written(tmp_path, document))


def test_operators_that_are_not_onnx_s_own_are_shown_and_not_run(tmp_path, document) -> None:
    foreign = forge.nodes(forge.node("Steal", ["pixel_values"], ["stolen"], domain="evil"))
    path = written(tmp_path, document, whole=forge.mean_graph(forge.IMAGE, forge.DEPTH, foreign))
    assert inspect(path).to_dict()["graph"]["foreign"] == ["evil:Steal"]
    with pytest.raises(Refusal, match="uses evil:Steal, which is none of ONNX's own"):
        load_any_dpt(path)


def test_a_graph_that_contradicts_itself_is_refused(tmp_path, document) -> None:
    cyclic = forge.graph(
        forge.nodes(forge.node("Relu", ["b"], ["a"]), forge.node("Relu", ["a"], ["b"]), forge.node("Identity", ["a"], ["predicted_depth"])),
        forge.initializers(*forge.WEIGHTS),
        forge.inputs(forge.value("pixel_values", forge.IMAGE)),
        forge.outputs(forge.value("predicted_depth", forge.DEPTH)),
    )
    for graph, whole, words in (
        (described(), cyclic, "ONNX Runtime .* cannot load model.onnx"),
        (described(), forge.mean_graph((1, 3, 70, 70)), r"is of shape \['batch', 3, 'height', 'width'\], which its graph contradicts"),
        (replace(described(), outputs={"depth": forge.DEPTH}), forge.mean_graph(), "has depth, which it has not"),
    ):
        whole_file = forge.model(whole, {KEY: document.to_json(), GRAPH_KEY: graph.to_json()})
        (tmp_path / "model.onnx").write_bytes(whole_file)
        with pytest.raises(Refusal, match=words):
            load_any_dpt(tmp_path / "model.onnx")


def test_a_size_that_the_graph_cannot_take_is_refused_in_a_sentence(tmp_path, document) -> None:
    reshape = forge.node("Reshape", ["mean", "shape"], ["predicted_depth"])
    whole = forge.graph(
        forge.nodes(forge.node("ReduceMean", ["pixel_values", "axes"], ["mean"], forge.integer("keepdims", 0)), reshape),
        forge.initializers(*forge.WEIGHTS, forge.tensor("axes", np.array([1])), forge.tensor("shape", np.array([1, 70, 70]))),
        forge.inputs(forge.value("pixel_values", forge.IMAGE)),
        forge.outputs(forge.value("predicted_depth", forge.DEPTH)),
    )
    model = load_any_dpt(written(tmp_path, document, whole=whole))
    assert model(torch.zeros(1, 3, 70, 70)).shape == (1, 70, 70)
    with pytest.raises(Refusal, match=r"cannot be run on inputs of shape \[1, 3, 70, 84\]"):
        model(torch.zeros(1, 3, 70, 84))


def test_a_stranger_s_graph_is_told_what_it_is_by_a_checkpoint_of_the_same_model(tmp_path, document) -> None:
    (tmp_path / "stranger.onnx").write_bytes(forge.model(forge.mean_graph()))
    with pytest.raises(Refusal, match=r"did not write: nothing in it tells the mean.*name a checkpoint of the same model with --like"):
        load_any_dpt(tmp_path / "stranger.onnx")
    checkpoint = golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    model = load_any_dpt(tmp_path / "stranger.onnx", like=checkpoint)
    assert model.config == document.config
    assert torch.allclose(model(prepare(PICTURE, model.config.image)[None])[0], expected(model.config), atol=1e-6)


def test_inspection_shows_the_network_and_its_graph(muggle_convert_here, tmp_path, document) -> None:
    path = written(tmp_path, document)
    inspection = inspect(path)
    assert isinstance(inspection, Inspection)
    facts = inspection.to_dict()
    assert facts["family"] == "depth_anything_v2"
    assert from_dict(facts["config"]) == document.config
    assert facts["config"] == to_dict(document.config)
    assert facts["graph"]["trials"] == [{"shape": [1, 3, 70, 70], "error": 1e-6, "problem": None}]
    shown = muggle_convert_here("inspect", path)
    assert shown.returncode == 0, shown.stderr
    for words in ("relative inverse depth", "pixel_values: float32 (batch, 3, height, width)", "1x3x70x70; largest error 1.0e-06"):
        assert words in shown.stdout
