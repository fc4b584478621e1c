"""A graph computes what its network does at any size, says what it is, and gets its name only once it has proved itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

from model_defs.network import Network
from muggle_convert import load_any_dpt
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx import GraphOptions, WrittenGraph, export, export_for_transformers_js, export_onnx, writing
from muggle_convert.exporting.onnx.trials import smooth_pictures
from muggle_convert.families import BY_NAME
from muggle_convert.identify.document import KEY, read_document
from muggle_convert.identify.read import ReadOptions
from muggle_convert.onnx.description import GRAPH_KEY, Dimensions, read_graph
from tests.configurations import SMALL
from tests.conftest import ROOT, Command
from tests.originals import original_state

USUAL = SMALL["depth_anything_v2"]
# With the proportions that transformers takes for granted.
PLAIN = replace(
    USUAL,
    config=replace(USUAL.config, encoder=replace(USUAL.config.encoder, mlp_width=256), head=replace(USUAL.config.head, upsampler_width=4)),
)
READING = ReadOptions(overrides=PLAIN.told)
SIZES = [(1, 42, 70), (2, 28, 70), (3, 112, 14)]  # batch, height, width; none of them was tried when the graph was written
TOLERANCE = 5e-4  # standard deviations


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Depth-Anything V2 of four narrow blocks, in the original's layout."""
    path = tmp_path_factory.mktemp("checkpoint") / "depth_anything_v2_vits.pth"
    torch.save(original_state(PLAIN.network(), BY_NAME["depth_anything_v2"].layouts["original"]), path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> Network:
    return load_any_dpt(checkpoint, **PLAIN.told)


@pytest.fixture(scope="module")
def written(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> WrittenGraph:
    return export_onnx(checkpoint, tmp_path_factory.mktemp("graph") / "small.onnx", reading=READING)


@pytest.fixture
def followed_before(written: WrittenGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following a network takes seconds; the graph of that network is there already."""

    def traced(network: Network, interface: Any) -> tuple[onnx_ir.Model, dict[str, Dimensions]]:
        model = onnx_ir.load(written.files[0])
        model.metadata_props.clear()
        return model, dict(written.graph.outputs)

    monkeypatch.setattr(export, "traced", traced)


def run(path: Path, images: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["predicted_depth"], {"pixel_values": images.numpy()})[0])


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_a_graph_gives_what_the_network_gives_at_sizes_that_were_not_tried(
    size: tuple[int, int, int], written: WrittenGraph, network: Network
) -> None:
    batch, height, width = size
    assert (batch, 3, height, width) not in [trial.shape for trial in written.graph.trials]
    images = torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        expected = network(images)
    assert (run(written.files[0], images) - expected).abs().max() < TOLERANCE * expected.std()


def test_what_was_tried_is_at_several_sizes_and_in_several_batches(written: WrittenGraph) -> None:
    shapes = [trial.shape for trial in written.graph.trials]
    assert len({shape[0] for shape in shapes}) >= 2 and len({shape[2:] for shape in shapes}) >= 4
    assert all(trial.error is not None for trial in written.graph.trials)
    assert 0 < written.graph.largest_error < TOLERANCE


def test_names_and_what_may_change_are_those_the_ecosystem_expects(written: WrittenGraph) -> None:
    graph = onnx.load(written.files[0]).graph
    sides = {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert sides == {"pixel_values": ["batch", 3, "height", "width"], "predicted_depth": ["batch", "height", "width"]}
    inside = [side.dim_param for value in graph.value_info for side in value.type.tensor_type.shape.dim]
    assert not any(inside), "sides have no names of torch's"


def test_the_file_says_to_anybody_how_pictures_go_in_and_what_comes_out(written: WrittenGraph) -> None:
    said = onnxruntime.InferenceSession(written.files[0]).get_modelmeta().custom_metadata_map
    assert said["family"] == "depth_anything_v2" and said["kind"] == "relative inverse depth" and said["resize"] == "cubic"
    assert json.loads(said["mean"]) == [0.485, 0.456, 0.406] and json.loads(said["multiple"]) == 14
    assert json.loads(said["tried_shapes"])[0] == list(written.graph.trials[0].shape)
    assert json.loads(said["largest_error"]) == written.graph.largest_error


def test_the_file_says_to_this_program_what_a_converted_one_does(written: WrittenGraph, network: Network) -> None:
    said = {entry.key: entry.value for entry in onnx.load(written.files[0]).metadata_props}
    document = read_document(said[KEY], "small.onnx")
    assert document.config == network.config and len(document.source["fingerprint"]) == 64
    assert read_graph(said[GRAPH_KEY], "small.onnx") == written.graph


def test_weights_have_their_names_and_every_bit_of_theirs(written: WrittenGraph, network: Network) -> None:
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(written.files[0]).graph.initializer}
    for name, weight in network.state_dict().items():
        assert np.array_equal(stored[name], weight.numpy()), name


def test_nothing_in_the_file_tells_where_it_was_written(written: WrittenGraph) -> None:
    contents = written.files[0].read_bytes()
    assert str(ROOT).encode() not in contents and b"stack_trace" not in contents and b"site-packages" not in contents


@pytest.mark.usefixtures("followed_before")
def test_a_graph_that_differs_is_refused_and_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"differs from the network by .* standard deviations at .* nothing was written"):
        export_onnx(checkpoint, tmp_path / "x.onnx", GraphOptions(largest_error=1e-12), READING)
    assert not [*tmp_path.iterdir()]


@pytest.mark.usefixtures("followed_before")
def test_a_file_that_is_there_is_replaced_only_when_asked_to(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("mine")
    with pytest.raises(Refusal, match="exists"):
        export_onnx(checkpoint, tmp_path / "x.onnx", reading=READING)
    assert (tmp_path / "x.onnx").read_text() == "mine"
    export_onnx(checkpoint, tmp_path / "x.onnx", GraphOptions(force=True), READING)
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"] and onnx.load(tmp_path / "x.onnx").graph.node


@pytest.mark.usefixtures("followed_before")
def test_what_is_too_large_for_one_file_lies_beside_it(
    checkpoint: Path, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LARGEST", 1000)
    made = export_onnx(checkpoint, tmp_path / "x.onnx", reading=READING)
    assert [path.name for path in made.files] == ["x.onnx", "x.onnx.data"] and sorted(tmp_path.iterdir()) == sorted(made.files)
    outside = {
        entry.value
        for tensor in onnx.load(made.files[0], load_external_data=False).graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    assert outside == {"x.onnx.data"}
    images = torch.zeros(1, 3, 42, 42)
    torch.testing.assert_close(run(made.files[0], images), network(images).detach(), rtol=0, atol=1e-3)


@pytest.mark.usefixtures("followed_before")
def test_a_graph_with_preprocessing_takes_pictures_and_equals_predict(checkpoint: Path, network: Network, tmp_path: Path) -> None:
    made = export_onnx(checkpoint, tmp_path / "x.onnx", GraphOptions(with_preprocessing=True), READING)
    assert made.graph.has_preprocessing and made.graph.inputs == {"pictures": ("batch", "height", "width", 3)}
    pictures = smooth_pictures(2, 75, 130).numpy()
    (depth,) = onnxruntime.InferenceSession(made.files[0]).run(None, {"pictures": pictures})
    for picture, found in zip(pictures, depth, strict=True):
        expected = network.predict(picture)
        assert found.shape == (75, 130) and np.abs(found - expected).max() < 1e-3 * expected.std()


@pytest.mark.usefixtures("followed_before")
def test_eight_bits_are_smaller_and_measured(
    checkpoint: Path, written: WrittenGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = export_onnx(checkpoint, tmp_path / "x.onnx", GraphOptions(precision="int8"), READING)
    products = [node.op_type for node in onnx.load(made.files[0]).graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 4 * 4  # of four blocks
    assert made.size < 0.8 * written.size and 1e-3 < made.graph.largest_error < 0.5
    assert not caplog.messages, "what tools tell their own developers"


@pytest.mark.usefixtures("followed_before")
def test_a_folder_for_transformers_js_has_the_names_it_looks_for(checkpoint: Path, tmp_path: Path) -> None:
    export_for_transformers_js(checkpoint, tmp_path / "out", reading=READING)
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        "config.json",
        "preprocessor_config.json",
        "onnx/model.onnx",
    }
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "depth_anything"


def test_a_missing_package_is_one_sentence_that_says_what_to_install(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(Refusal, match=r"needs onnxscript, which is not installed: pip install 'muggle-convert\[onnx\]'"):
        export_onnx(checkpoint, tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--to", "onnx", "-o", "x.pth"), "does not end in .onnx"),
        (("--to", "onnx", "-o", "x.onnx", "--size", "518"), "not HEIGHTxWIDTH"),
        (("--to", "onnx", "-o", "x.onnx", "--size", "100x98"), "multiples of 14"),
        (("--to", "onnx", "-o", "x.onnx", "--fill-unused"), "--fill-unused means nothing with --to onnx"),
        (("--to", "original", "-o", "x.pth", "--quantize", "int8"), "--quantize means nothing with --to original"),
    ],
    ids=lambda value: value[-2] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_before_anything_is_computed(
    arguments: tuple[str, ...], sentence: str, checkpoint: Path, muggle_convert: Command, tmp_path: Path
) -> None:
    done = muggle_convert("export", checkpoint, "--set", "taps=0,1,2,3", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and sentence in done.stderr and not [*tmp_path.iterdir()]


def test_the_same_input_gives_the_same_bytes_in_every_process(checkpoint: Path, written: WrittenGraph, tmp_path: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "muggle_convert",
        "export",
        checkpoint,
        "--set",
        "taps=0,1,2,3",
        "--to",
        "onnx",
        "-o",
        tmp_path / "x.onnx",
    ]
    otherwise = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}  # the order of sets is another one there
    subprocess.run(line, env=otherwise, capture_output=True, check=True)
    assert (tmp_path / "x.onnx").read_bytes() == written.files[0].read_bytes()


def test_the_lines_on_the_first_page_need_nothing_of_this_project(written: WrittenGraph, tmp_path: Path) -> None:
    (lines,) = (
        block for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL) if "onnxruntime" in block
    )
    assert len(list(filter(None, lines.splitlines()))) == 12 and "muggle" not in lines and "torch" not in lines
    (tmp_path / "small.onnx").symlink_to(written.files[0])
    Image.fromarray(smooth_pictures(1, 60, 85)[0].numpy()).save(tmp_path / "photo.jpg")
    alone = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", lines], cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.startswith("relative inverse depth: larger is nearer, without a unit (1, 56, 84)"), done.stderr
