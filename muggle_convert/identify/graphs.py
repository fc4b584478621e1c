"""Reading ONNX files: what those from here say of themselves, and what has to be said of a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Checkpoint, DType, printable
from muggle_convert.checkpoints.graphs.graph import GraphValue, OnnxGraph
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.family import Family
from muggle_convert.identify.accounting import Description
from muggle_convert.identify.converted import described_family, inventory_described
from muggle_convert.identify.document import KEY, Document, read_document
from muggle_convert.identify.translation import Translation
from muggle_convert.onnx.description import GRAPH_KEY, Dimensions, Graph, read_graph


def read_graph_file(checkpoint: Checkpoint, family: str | None, overrides: Mapping[str, Any]) -> tuple[Document, Graph, Description]:
    """What such a file says of itself. Its tensors are arranged for running and are no checkpoint, so they make none here."""
    file = printable(checkpoint.name)
    if is_strange(checkpoint):
        raise Refusal(
            f"{file} is an ONNX graph that muggle-convert did not write: nothing in it tells the mean and deviation of its pictures, their size, or "
            "what its numbers mean; to run it, name a checkpoint of the same model with --like (like= in Python)."
        )
    if overrides:
        raise Refusal(f"{file} is an ONNX graph, into which its settings are written; export the checkpoint again with --set.")
    document = read_document(checkpoint.metadata[KEY], file)
    found: Family[Any] = described_family(document, family, file)
    inventory_described(found, document.config, checkpoint)
    graph = read_graph(checkpoint.metadata.get(GRAPH_KEY, "{}"), file)
    assert checkpoint.graph is not None
    for said, ends in ((graph.inputs, checkpoint.graph.inputs), (graph.outputs, checkpoint.graph.outputs)):
        _refuse_other_ends(file, said, ends)
    return document, graph, Description(document.config, document.evidence, Translation({}, {}))


def is_strange(checkpoint: Checkpoint) -> bool:
    """Whether it is a graph that does not say what network it is."""
    return checkpoint.graph is not None and KEY not in checkpoint.metadata


def refuse_graph(checkpoint: Checkpoint) -> None:
    """For whatever needs the weights as a checkpoint has them."""
    if checkpoint.graph is not None:
        raise Refusal(
            f"{printable(checkpoint.name)} is an ONNX graph, whose weights are arranged for running; give the checkpoint that it was made from."
        )


def runnable(checkpoint: Checkpoint) -> Path:
    """The file of a graph that may be run: of ONNX's own operators that come to an end, and with all its files as they were when they were looked at."""
    graph = checkpoint.graph
    assert graph is not None
    if foreign := graph.foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise Refusal(
            f"{printable(checkpoint.name)} uses {printable(foreign[0])}{more}, which is none of ONNX's own operators; only those are run here."
        )
    if graph.repeating:
        raise Refusal(
            f"{printable(checkpoint.name)} repeats a part of itself as often as it says ({graph.repeating[0]}), which no network here does and which "
            "need not end; it is not run."
        )
    stamps = {graph.path: graph.stamp, **{record.file: record.stamp for record in checkpoint.records}}
    for path, stamp in stamps.items():
        with SourceFile(path, stamp):
            pass
    return graph.path


def strange_graph(checkpoint: Checkpoint) -> Graph:
    """What can be seen of a stranger's graph."""
    seen = checkpoint.graph
    assert seen is not None
    types = {entry.dtype for entry in checkpoint.tensors.values()}
    inputs = {value.name: _dimensions(checkpoint, value) for value in seen.inputs}
    height, width = next(iter(inputs.values()))[-2:] if inputs else ("", "")
    return Graph(
        inputs=inputs,
        outputs={value.name: _dimensions(checkpoint, value) for value in seen.outputs},
        precision="int8" if types & {DType.I8, DType.U8} else "float16" if DType.F16 in types else "float32",
        opset=opset_of(seen),
        has_preprocessing=False,
        size=(height, width) if isinstance(height, int) and isinstance(width, int) else None,
        trials=(),
    )


def opset_of(graph: OnnxGraph) -> int:
    """The version of ONNX's own operators."""
    return graph.opsets.get("", graph.opsets.get("ai.onnx", 0))


def _dimensions(checkpoint: Checkpoint, value: GraphValue) -> Dimensions:
    if not value.shape or not value.type.startswith("float"):
        raise Refusal(
            f"{printable(checkpoint.name)} takes or gives {printable(value.name)}, {value.type} of {len(value.shape or ())} dimensions; images and predictions "
            "are floating-point numbers of several."
        )
    return value.shape


def _refuse_other_ends(file: str, said: Mapping[str, Dimensions], ends: tuple[GraphValue, ...]) -> None:
    """The names are what it is run by, and the fixed sides what is fed to it."""
    there = {value.name: value.shape or () for value in ends}
    for name, dimensions in said.items():
        if name not in there:
            raise Refusal(f"{file} says that its graph has {printable(name)}, which it has not; export it again.")
        sides = zip(dimensions, there[name], strict=False)
        if len(dimensions) != len(there[name]) or any(isinstance(other, int) and other != side for side, other in sides):
            raise Refusal(
                f"{file} says that {printable(name)} is of shape {list(dimensions)}, which its graph contradicts; export it again."
            )
    if len(there) != len(said):
        raise Refusal(f"{file} says that its graph has {len(said)} inputs or outputs, and it has {len(there)}; export it again.")
