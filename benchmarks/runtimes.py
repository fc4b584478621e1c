"""One network as a graph, in every precision, of any size and of one: how far off, how large, and how long ONNX Runtime takes for it."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.cases import chosen, drawn
from benchmarks.importing import importable
from benchmarks.later import Later
from benchmarks.measure import in_turn
from benchmarks.originals import DEPTH_ANYTHING
from model_defs.fast import freeze
from tests.goldens import Golden

THEIRS = "Depth-Anything-ONNX"  # the folder of the clone of fabio-sim/Depth-Anything-ONNX
SAMPLE = 140  # pixels of what its command follows a network with where sides are to change


@dataclass(frozen=True)
class Contestant:
    what: str
    size: int  # bytes
    run: Callable[[], torch.Tensor]


def runtimes(arguments: argparse.Namespace) -> None:
    """All in turn; the network, with its weights prepared once, is what everything is held against."""
    from muggle_convert import load_any_dpt

    torch.set_num_threads(arguments.threads)
    for case in chosen(arguments, ("depth_anything_v2.vits",)):
        path = drawn(case, arguments.folder)
        network = load_any_dpt(path, **case.options)
        freeze(network)
        side = arguments.size[0] if arguments.size else network.config.image.size
        (image,) = network.trial(torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)))
        print(
            f"{case.name}, {side} x {side}, {arguments.threads} threads\n\n| | off by | MB | seconds | time, the network's being 1 |\n|---|---|---|---|---|"
        )
        with TemporaryDirectory(dir=path.parent) as folder, torch.inference_mode(), warnings.catch_warnings(action="ignore"):
            expected = network(image)
            own = Contestant("this project's network", path.stat().st_size, lambda: network(image))  # noqa: B023  # run within this turn
            everybody = [own, *_graphs(case, path, Path(folder), side, image), *_theirs(case, path, Path(folder), side, image, arguments)]
            figures = in_turn(arguments.runs, *(one.run for one in everybody))
            for one, figure in zip(everybody, figures, strict=True):
                error = float((one.run() - expected).abs().max() / expected.std())
                share = figure.seconds / figures[0].seconds
                print(f"| {one.what} | {error:.1e} | {one.size / 1e6:.1f} | {figure.seconds:.3f} | **{share:.2f}** |", flush=True)
        print()


def _graphs(case: Golden | Later, path: Path, folder: Path, side: int, image: torch.Tensor) -> Iterator[Contestant]:
    from muggle_convert.exporting.onnx import GraphOptions, export_onnx
    from muggle_convert.identify.read import ReadOptions

    reading = ReadOptions(
        family=case.options.get("family"), overrides={key: value for key, value in case.options.items() if key != "family"}
    )
    for precision in ("float32", "float16", "int8"):
        for size in (None, (side, side)):
            what = f"{precision}, {'any size' if size is None else f'--size {side}x{side}'}"
            made = export_onnx(path, folder / f"{what}.onnx", GraphOptions(size, precision, largest_error=math.inf), reading)
            yield Contestant(what, made.size, _session(made.files[0], image))


def _theirs(
    case: Golden | Later, path: Path, folder: Path, side: int, image: torch.Tensor, arguments: argparse.Namespace
) -> Iterator[Contestant]:
    """What the command of fabio-sim/Depth-Anything-ONNX does, which would take its weights from the network."""
    clone = arguments.originals and arguments.originals / THEIRS
    if not clone or not clone.is_dir() or case.family != "depth_anything_v2":
        print("fabio-sim/Depth-Anything-ONNX is left out: no clone of it in --originals, or not its model", file=sys.stderr)
        return
    with importable(clone):
        module = importlib.import_module("depth_anything_v2.dpt")
    encoder = case.name[-4:]
    features, widths = DEPTH_ANYTHING[encoder]
    model = module.DepthAnythingV2(encoder, features, widths).eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    for what, sample, changes in (("any size", SAMPLE, {0: "batch_size", 2: "height", 3: "width"}), (f"{side} x {side}", side, {})):
        graph = folder / f"theirs, {what}.onnx"
        with torch.no_grad():
            torch.onnx.export(
                model,
                (torch.randn(1, 3, sample, sample),),
                str(graph),
                dynamo=False,
                input_names=["image"],
                output_names=["depth"],
                opset_version=17,
                dynamic_axes={"image": changes, "depth": {axis - (axis > 1): name for axis, name in changes.items()}} if changes else None,
            )
        yield Contestant(f"Depth-Anything-ONNX, {what}", graph.stat().st_size, _session(graph, image))


def _session(graph: Path, image: torch.Tensor) -> Callable[[], torch.Tensor]:
    from muggle_convert.exporting.onnx.trials import session_of

    session: Any = session_of(graph)
    feeds = {session.get_inputs()[0].name: image.numpy()}
    return lambda: torch.from_numpy(session.run(None, feeds)[0])
