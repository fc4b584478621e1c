"""What is read of an ONNX file: never more than what it says, and where its numbers lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from muggle_convert.checkpoints.checkpoint import Checkpoint
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import as_array
from tests.hostile import onnx_forge as forge

NUMBERS = np.arange(12, dtype=np.float32).reshape(3, 4)


def opened(folder: Path, content: bytes, name: str = "model.onnx") -> Checkpoint:
    (folder / name).write_bytes(content)
    return open_checkpoint(folder / name)


def of_tensor(*each: bytes) -> bytes:
    return forge.model(forge.graph(forge.initializers(*each)))


def test_inputs_outputs_operators_and_metadata_are_shown(tmp_path) -> None:
    found = opened(tmp_path, forge.model(forge.mean_graph(), {"unit": "metres"}))
    assert found.container == "ONNX graph"
    assert dict(found.metadata) == {"unit": "metres"}
    assert found.graph is not None
    assert [(value.name, value.type, value.shape) for value in found.graph.inputs] == [("pixel_values", "float32", forge.IMAGE)]
    assert [(value.name, value.type, value.shape) for value in found.graph.outputs] == [("predicted_depth", "float32", forge.DEPTH)]
    assert found.graph.operators == {("", "ReduceMean"): 1, ("", "Mul"): 1}
    assert (found.graph.producer, found.graph.opsets, found.graph.foreign) == ("forge", {"": 18}, [])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
def test_numbers_are_those_that_were_written(tmp_path, dtype) -> None:
    found = opened(tmp_path, of_tensor(forge.tensor("weight", NUMBERS.astype(dtype))))
    assert (as_array(found.tensors["weight"]) == NUMBERS.astype(dtype)).all()


def test_packed_floats_are_raw_numbers(tmp_path) -> None:
    packed = (
        forge.stretch(1, forge.count(3) + forge.count(4))
        + forge.number(2, 1)
        + forge.stretch(8, "weight")
        + forge.stretch(4, NUMBERS.tobytes())
    )
    found = opened(tmp_path, of_tensor(packed))
    assert (as_array(found.tensors["weight"]) == NUMBERS).all()


def test_numbers_that_are_written_one_by_one_are_named_and_not_read(tmp_path) -> None:
    single = forge.number(1, 2) + forge.number(2, 7) + forge.stretch(8, "shape") + forge.number(7, 5) + forge.number(7, 6)
    found = opened(tmp_path, of_tensor(single))
    assert found.graph is not None
    assert [(constant.name, constant.type, constant.shape) for constant in found.graph.constants] == [("shape", "int64", (2,))]
    assert not found.tensors


def test_numbers_may_lie_in_another_file_of_the_folder(tmp_path) -> None:
    (tmp_path / "model.onnx_data").write_bytes(bytes(8) + NUMBERS.tobytes())
    found = opened(tmp_path, of_tensor(forge.outside("weight", (3, 4), location="model.onnx_data", offset="8", length="48")))
    assert (as_array(found.tensors["weight"]) == NUMBERS).all()
    assert found.files == (tmp_path / "model.onnx_data",)


def test_old_files_name_their_constants_among_the_inputs(tmp_path) -> None:
    names = forge.inputs(forge.value("image", (1, 3, 8, 8)), forge.value("weight", (3, 4)))
    found = opened(tmp_path, forge.model(forge.graph(names, forge.initializers(forge.tensor("weight", NUMBERS)))))
    assert found.graph is not None
    assert [value.name for value in found.graph.inputs] == ["image"]


def test_operators_in_branches_are_seen(tmp_path) -> None:
    branch = forge.graph(forge.nodes(forge.node("Steal", [], ["x"], domain="evil")))
    choice = forge.node("If", ["which"], ["x"], forge.stretch(1, "then_branch") + forge.stretch(6, branch))
    found = opened(tmp_path, forge.model(forge.graph(forge.nodes(choice))))
    assert found.graph is not None
    assert found.graph.foreign == ["evil:Steal"]


def test_a_folder_of_transformers_js_stands_for_its_graph(tmp_path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(forge.model(forge.mean_graph()))
    (tmp_path / "config.json").write_text("{}")
    found = open_checkpoint(tmp_path)
    assert found.graph is not None
    assert found.graph.path == tmp_path / "onnx" / "model.onnx"


def test_a_graph_beside_a_checkpoint_is_not_what_the_folder_stands_for(tmp_path) -> None:
    from tests.goldens import golden

    path = golden("depth_anything_v2").save(tmp_path, "weights.pth")
    (tmp_path / "weights.onnx").write_bytes(forge.model(forge.mean_graph()))
    assert open_checkpoint(tmp_path).files == (path,)
