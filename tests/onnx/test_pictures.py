"""What `predict` does before and after a network, in a graph: of every rule by which a picture gets its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx.pictures import put_around, refuse_other_preparations
from muggle_convert.exporting.onnx.trials import smooth_pictures
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL

USUAL = SMALL["depth_anything_v2"].config
SIZES = [(75, 130), (130, 75), (50, 49), (300, 40)]  # of pictures, height and width
RULES: dict[str, dict[str, Any]] = {
    "at least": {},
    "at least, up": {"fit": "at least, up"},
    "at most": {"fit": "at most"},
    "closest": {"fit": "closest"},
    "no larger": {"fit": "no larger", "size": 100, "multiple": 1},
    "across": {"fit": "across"},
    "stretched": {"keep_aspect": False, "size_across": 70, "resize": "bilinear aligned"},
    "mirrored": {"mirrored": True},
    "with reflections around it": {"reflected": 3.0, "mirrored": True, "size": 56, "size_across": 84, "fit": "closest"},
}


class Edges(Network):
    """One convolution, which sees left and right with different eyes."""

    sees_each_alone = True

    def forward(self, image: Tensor) -> Tensor:
        return self.edge(image)[:, 0]


def edges(**changes: Any) -> Network:
    torch.manual_seed(0)
    config = replace(USUAL, image=replace(USUAL.image, **changes))
    return with_predict(Edges(config, multiple=1, edge=nn.Conv2d(3, 1, 3, padding=1)).eval())


def graph_of(network: Network, path: Path) -> Path:
    weights = [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in network.state_dict().items()]
    names = [weight.name for weight in weights]
    nodes = [
        helper.make_node("Conv", ["pixel_values", *names], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Squeeze", ["maps", "axis"], ["predicted_depth"]),
    ]
    ends = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)]
        for name, dimensions in (("pixel_values", ["b", 3, "h", "w"]), ("predicted_depth", ["b", "h", "w"]))
    )
    graph = helper.make_graph(nodes, "edges", *ends, [*weights, numpy_helper.from_array(np.array([1]), "axis")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.mark.parametrize("rule", RULES)
def test_a_graph_with_preprocessing_equals_predict_by_every_rule(rule: str, tmp_path: Path) -> None:
    network = edges(**RULES[rule])
    path = graph_of(network, tmp_path / "x.onnx")
    refuse_other_preparations(network)
    put_around(path, network, None)
    session = onnxruntime.InferenceSession(path)
    for height, width in SIZES:
        pictures = smooth_pictures(2, height, width).numpy()
        (depth,) = session.run(None, {"pictures": pictures})
        for picture, found in zip(pictures, depth, strict=True):
            expected = network.predict(picture)
            assert found.shape == (height, width) and np.abs(found - expected).max() < 1e-3 * expected.std()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"resize": "area or cubic"}, "resizes by areas in several steps"),
        ({"widest": 1.78}, "chooses another size for wide pictures"),
        ({"channels": 4, "mean": (0.5,) * 4, "std": (0.5,) * 4}, "takes other than three channels"),
    ],
    ids=["areas", "wide pictures", "four channels"],
)
def test_rules_that_no_graph_holds_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        refuse_other_preparations(edges(**changes))


def test_mirror_images_are_refused_where_pictures_of_a_batch_decide_together() -> None:
    network = edges(mirrored=True)
    network.sees_each_alone = False
    with pytest.raises(Refusal, match="mirror images"):
        refuse_other_preparations(network)
