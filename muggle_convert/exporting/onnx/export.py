"""The whole way: checkpoint, network, graph, proof, file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch

from model_defs.network import Network
from muggle_convert.building import load
from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.fingerprint import fingerprint_of
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx.int8 import save_in_int8
from muggle_convert.exporting.onnx.interface import check_fixed_size, interface
from muggle_convert.exporting.onnx.pictures import put_around, refuse_other_preparations
from muggle_convert.exporting.onnx.trace import traced
from muggle_convert.exporting.onnx.trials import trials, trials_with_pictures
from muggle_convert.exporting.onnx.writing import beside, describe, drafts, save
from muggle_convert.files.target import check_not_source, check_target
from muggle_convert.identify.document import KEY, Document
from muggle_convert.identify.match import Match
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.onnx.description import GRAPH_KEY, MOST_ERROR, Dimensions, Graph, Precision, Trial, for_anybody
from muggle_convert.onnx.running import taken
from muggle_convert.onnx.words import PICTURES
from muggle_convert.placement import Placement
from muggle_convert.version import VERSION
from muggle_convert.writing.converted_file import WriteOptions, settle
from muggle_convert.writing.converted_file import describe as document_of

PICTURES_ERROR = 1e-3  # of a graph that prepares pictures itself, against `predict`
NEEDED = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class GraphOptions:
    """What kind of graph to write."""

    size: tuple[int, int] | None = None  # height and width; None: whatever the network takes
    precision: Precision = "float32"
    with_preprocessing: bool = False  # bytes of pictures in, depth of their own size out
    largest_error: float | None = None  # to allow, in standard deviations; None: MOST_ERROR
    licence: str | None = None
    sync: bool = True
    force: bool = False  # replace files


@dataclass(frozen=True)
class WrittenGraph:
    """What was written, and how well it does."""

    files: tuple[Path, ...]
    graph: Graph

    @property
    def size(self) -> int:
        return sum(file.stat().st_size for file in self.files)


def export_onnx(
    source: str | Path, target: str | Path, options: GraphOptions = GraphOptions(), reading: ReadOptions = ReadOptions()
) -> WrittenGraph:
    """Write a checkpoint of any layout as a graph for ONNX Runtime and its like.

        export_onnx("hybrid.safetensors", "hybrid.onnx")
        export_onnx("dpt_hybrid-midas-501f0c75.pt", "hybrid.onnx", GraphOptions(size=(384, 384), precision="float16"))

    Before it gets its name, the graph is run at several sizes and in several batches, and refused where it differs from the network.
    """
    refuse_without_onnx()
    target = Path(target)
    if target.suffix != ".onnx":
        raise Refusal(f"{printable(target)} does not end in .onnx, as the files of ONNX do; name it {printable(target.stem)}.onnx.")
    matched = read(source, reading)
    targets = (target, beside(target))
    for path in targets:
        check_not_source(matched.checkpoint, path)
        check_target(path, options.force)
    network = load(matched, Placement("cpu", "float32"))
    if options.size is not None:
        check_fixed_size(network, options.size)
    if options.with_preprocessing:
        refuse_other_preparations(network)
    document = _document(matched, options)
    with drafts(targets, options.force, options.sync) as folder:
        draft = folder / target.name
        graph = _proved(network, matched, draft, options)
        metadata = for_anybody(matched.config, graph, document.source, document.licence, VERSION)
        describe(draft, {**metadata, KEY: document.to_json(), GRAPH_KEY: graph.to_json()})
        written = tuple(path for path in targets if (folder / path.name).exists())
    return WrittenGraph(written, graph)


def refuse_without_onnx() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Refusal(
            f"writing ONNX needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: pip install 'muggle-convert[onnx]'"
        )


def _proved(network: Network, matched: Match, draft: Path, options: GraphOptions) -> Graph:
    """The graph in its draft, and what is known of it."""
    faces = interface(network, options.size)
    of_graph = load(matched, Placement("cpu", "float16")) if options.precision == "float16" else network
    model, outputs = traced(of_graph, faces)
    if options.precision == "int8":
        save_in_int8(model, draft, network)
    else:
        save(model, draft)
    found = trials(network, draft, faces, options.size)
    allowed = MOST_ERROR[options.precision] if options.largest_error is None else options.largest_error
    check(found, allowed, options.precision)
    graph = Graph(
        inputs=faces.inputs,
        outputs=outputs,
        precision=_precision(of_graph, options.precision),
        opset=model.opset_imports[""],
        has_preprocessing=False,
        size=options.size,
        trials=found,
    )
    return _with_preprocessing(graph, network, draft, allowed) if options.with_preprocessing else graph


def _with_preprocessing(graph: Graph, network: Network, draft: Path, allowed: float) -> Graph:
    """The same graph around which pictures are prepared, tried on pictures of several sizes."""
    network.config = replace(network.config, image=taken(network.config.image, graph))  # stretched, where there is one size only
    put_around(draft, network, graph.size)
    found = trials_with_pictures(network, draft)
    check(found, max(allowed, PICTURES_ERROR), graph.precision)
    sides: Dimensions = ("batch", "height", "width")
    (result,) = graph.outputs
    return replace(graph, inputs={PICTURES: (*sides, 3)}, outputs={result: sides}, has_preprocessing=True, trials=found)


def _precision(network: Network, asked: Precision) -> Precision:
    """A network that outgrows half precision is in float32 all the same."""
    return "float32" if asked == "float16" and all(weight.dtype is torch.float32 for weight in network.parameters()) else asked


def check(found: Sequence[Trial], allowed: float, precision: str) -> None:
    """Refuse a graph that does not run at the first size that was tried, or that differs at any by more than is allowed."""
    first = found[0]
    if first.error is None:
        raise Refusal(f"the graph does not run at {_said(first.shape)}, the size in training: {first.problem}; nothing was written.")
    error, shape = max((trial.error, trial.shape) for trial in found if trial.error is not None)
    if error > allowed:
        raise Refusal(
            f"the graph differs from the network by {error:.2g} standard deviations at {_said(shape)}, and {allowed:g} are allowed for {precision}; "
            f"nothing was written (--max-error {error * 1.1:.2g} would allow it)."
        )


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _document(matched: Match, options: GraphOptions) -> Document:
    """What a converted file would say of itself."""
    settings = WriteOptions(licence=options.licence)
    document = document_of(settle(matched, settings), settings)
    fingerprint = matched.fingerprint or fingerprint_of(matched.checkpoint)
    return replace(document, source={**document.source, "fingerprint": fingerprint})
