"""What an ONNX file says of its graph is read back as it was written, and never taken on trust."""

from __future__ import annotations

import json

import pytest
import torch

from model_defs.build import build
from model_defs.config import DPTConfig
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx.interface import NAMES, output_names
from muggle_convert.onnx.description import Graph, Trial, read_graph
from muggle_convert.onnx.words import sentence_of
from tests.configurations import ROWS

GRAPH = Graph(
    inputs={"pixel_values": ("batch", 3, "height", "width")},
    outputs={"predicted_depth": ("batch", "height", "width")},
    precision="float32",
    opset=18,
    has_preprocessing=False,
    size=None,
    trials=(Trial((1, 3, 518, 518), 1e-6), Trial((1, 3, 14, 14), None, "its map has no pixels")),
)


def test_a_graph_is_read_back_as_it_was_described() -> None:
    assert read_graph(GRAPH.to_json(), "x.onnx") == GRAPH


def test_the_largest_error_is_of_what_ran() -> None:
    assert GRAPH.largest_error == 1e-6


KINDS = {(config.family, config.head.kind, config.output.kind): config for config in (row.make() for row in reversed(ROWS.values()))}


@pytest.mark.parametrize("config", KINDS.values(), ids=map(", ".join, KINDS))
def test_a_sentence_says_what_each_input_and_output_is(config: DPTConfig) -> None:
    with torch.device("meta"):
        network = build(config)
    assert all(sentence_of(name, config) for name in (*NAMES[network.inputs], *output_names(network)))


def test_names_that_end_in_a_number_are_of_one_of_two_views() -> None:
    config = ROWS["DUSt3R, two decoders"].make()
    assert sentence_of("pixel_values_2", config).endswith(" (of the second view)")
    assert sentence_of("conf_1", config) == "how far each pixel is to be trusted; larger is surer (of the first view)"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inputs", 3),
        ("precision", "float8"),
        ("size", [518]),
        ("trials", [[[1, -3], 0.1, None]]),
        ("trials", [[[1], "small", None]]),
        ("opset", True),
    ],
)
def test_a_damaged_description_is_refused(key: str, value: object) -> None:
    with pytest.raises(Refusal, match="damaged"):
        read_graph(json.dumps({**json.loads(GRAPH.to_json()), key: value}), "x.onnx")


def test_a_later_format_asks_for_a_later_version() -> None:
    with pytest.raises(Refusal, match="later one"):
        read_graph(json.dumps({**json.loads(GRAPH.to_json()), "format": 2}), "x.onnx")
