"""What an ONNX file from here says of itself, in the texts that its `metadata_props` hold.

Two are for this program: under `muggle_convert` lies the document that a converted safetensors file has in its header
(`identify.document`), and under `muggle_convert_graph` what is known of the graph, which this module reads and writes. All others
repeat what somebody needs who has ONNX Runtime and nothing else, in words and JSON: mean, std, multiple, unit and so on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from model_defs.config import DPTConfig
from muggle_convert.checkpoints import printable, shown
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.onnx.words import sentence_of
from muggle_convert.outputs import kind_of, sentence_about

GRAPH_KEY = "muggle_convert_graph"
GRAPH_FORMAT = 1  # raised when a reader of the older number would misunderstand

Precision = Literal["float32", "float16", "int8"]  # of the weights; inputs and outputs are float32 in all of them
# The largest error that is no sign of another network, in standard deviations of its predictions.
MOST_ERROR: Mapping[Precision, float] = {"float32": 5e-4, "float16": 5e-2, "int8": 0.5}

Dimensions = tuple[int | str, ...]  # of an input or output: a number, or the name of what may change


@dataclass(frozen=True)
class Trial:
    """Inputs of one shape that graph and network were both given."""

    shape: tuple[int, ...]  # of the first input
    error: float | None  # the largest difference, in standard deviations of the network's output; None: the graph did not run
    problem: str | None = None  # why it did not


@dataclass(frozen=True)
class Graph:
    """What is known of a graph, beside the network that it computes."""

    inputs: Mapping[str, Dimensions]
    outputs: Mapping[str, Dimensions]
    precision: Precision
    opset: int
    has_preprocessing: bool  # pictures go in, and depth of their own size comes out
    size: tuple[int, int] | None  # height and width of every input; None: any multiple of the network's
    trials: tuple[Trial, ...]

    @property
    def largest_error(self) -> float:
        """In standard deviations, of everything that was tried and ran."""
        return max((trial.error for trial in self.trials if trial.error is not None), default=0.0)

    def to_json(self) -> str:
        return json.dumps(
            {
                "format": GRAPH_FORMAT,
                "inputs": {name: list(dimensions) for name, dimensions in self.inputs.items()},
                "outputs": {name: list(dimensions) for name, dimensions in self.outputs.items()},
                "precision": self.precision,
                "opset": self.opset,
                "has_preprocessing": self.has_preprocessing,
                "size": None if self.size is None else list(self.size),
                "trials": [[list(trial.shape), trial.error, trial.problem] for trial in self.trials],
            },
            separators=(",", ":"),
        )


def read_graph(text: str, file: str) -> Graph:
    """The way back, from a file that a stranger may have written."""
    try:
        data = parse_object(text.encode())
        written_in = data["format"]
        if type(written_in) is not int or written_in < 1:
            raise ValueError(f"its format is {shown(written_in)}")
        if written_in > GRAPH_FORMAT:
            raise Refusal(
                f"{file} holds a graph in format {written_in}, and this version reads formats up to {GRAPH_FORMAT}: install a later one."
            )
        return Graph(
            inputs=_named(data["inputs"]),
            outputs=_named(data["outputs"]),
            precision=_one_of(get_args(Precision), data["precision"]),
            opset=_count(data["opset"]),
            has_preprocessing=_one_of((False, True), data["has_preprocessing"]),
            size=None if data["size"] is None else _size(data["size"]),
            trials=tuple(
                Trial(tuple(map(_count, shape)), _error(error), None if problem is None else _text(problem))
                for shape, error, problem in data["trials"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Refusal(
            f"{file} says it was written by muggle-convert, but what it says of its graph is damaged ({printable(problem)}); export it again."
        ) from None


def for_anybody(config: DPTConfig, graph: Graph, source: Mapping[str, Any], licence: str | None, version: str) -> dict[str, str]:
    """What whoever runs the graph with nothing else has to know: text, or JSON where it is more than a word."""
    image, output = config.image, config.output
    return {
        "family": config.family,
        "kind": output.kind,
        "unit": kind_of(output).unit,
        "meaning": sentence_about(output, config.head.channels),
        "max_depth": json.dumps(output.max_depth),
        "mean": json.dumps(image.mean),  # of a picture whose numbers lie between 0 and 1
        "std": json.dumps(image.std),
        "multiple": json.dumps(image.multiple),  # of which height and width have to be
        "training_size": json.dumps(image.size),
        "keep_aspect": json.dumps(image.keep_aspect),
        "fit": image.fit,
        "resize": image.resize,
        "licence": licence or "unknown",
        "source_file": str(source["file"]),
        "fingerprint": str(source["fingerprint"]),  # of the original's weights
        "version": version,
        "inputs": json.dumps({name: sentence_of(name, config) for name in graph.inputs}),
        "outputs": json.dumps({name: sentence_of(name, config) for name in graph.outputs}),
        "precision": graph.precision,
        "has_preprocessing": json.dumps(graph.has_preprocessing),
        "tried_shapes": json.dumps([trial.shape for trial in graph.trials if trial.error is not None]),
        "largest_error": json.dumps(graph.largest_error),  # in standard deviations, against the network
    }


def _named(value: Any) -> dict[str, Dimensions]:
    return {_text(name): tuple(one if isinstance(one, str) else _count(one) for one in dimensions) for name, dimensions in value.items()}


def _one_of(choices: tuple[Any, ...], value: Any) -> Any:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{shown(value)} is none of {', '.join(map(str, choices))}")
    return value


def _size(value: Any) -> tuple[int, int]:
    height, width = value
    return _count(height), _count(width)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise TypeError(f"{shown(value)} is no count")
    return value


def _error(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise TypeError(f"{shown(value)} is no error")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is no text")
    return value
