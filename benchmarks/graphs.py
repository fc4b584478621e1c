"""Graphs of every family beside the networks they were made from: how far off each precision is, how large its file is, how long it takes."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.measure import in_turn
from model_defs.network import Network
from muggle_convert import load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.identify.read import ReadOptions
from muggle_convert.onnx.description import Trial
from tests.configurations import ROWS, SMALL
from tests.families.small import Small, Variant
from tests.onnx.test_every_family import CASES, network_of, shown
from tests.originals import save_original

PRECISIONS = ("float32", "float16", "int8")
SHARES = ((1.0, 1.0), (0.75, 1.0), (1.0, 0.5))  # of the largest size's height and width
BATCHES = (1, 2)


@dataclass(frozen=True)
class Made:
    """A graph, and what became of it."""

    precision: str  # which a network that outgrows half precision does not follow
    size: int  # bytes
    trials: Sequence[Trial]
    run: Callable[[], object]  # on what the network was measured with

    @property
    def error(self) -> float:
        return max(trial.error if trial.error is not None else math.inf for trial in self.trials)


def graphs(arguments: argparse.Namespace) -> None:
    """The largest error in standard deviations of three sizes in two batches, the file in MB, and its time as a share of the network's."""
    torch.set_num_threads(arguments.threads)
    print(f"| family | {' | '.join(f'{precision}: error | MB | time' for precision in PRECISIONS)} |\n|---|{'---|' * 9}", flush=True)
    for name in CASES:
        if arguments.words and not any(word in name for word in arguments.words):
            continue
        try:
            cells = list(_cells(name, arguments.runs))
        except Exception as problem:  # one case that fails is one row, and not the end of the table
            print(f"{name}: {type(problem).__name__}: {' '.join(str(problem).split())[:300]}", file=sys.stderr)
            cells = ["fails", *[""] * 8]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cells(name: str, runs: int) -> Iterator[str]:
    with TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        original, reading = _saved(network_of(name), SMALL.get(name) or ROWS[name], Path(folder))
        network = load_any_dpt(original, family=reading.family, **reading.overrides)  # as the file can hold it
        largest, *others = _sizes(network)
        made = list(_made(network, original, reading, (largest, *others)))
        inputs = _drawn(network, 1, *largest)
        with torch.inference_mode():
            own, *figures = in_turn(runs, lambda: network(*inputs), *(one.run for one in made))
    for precision, one, figure in zip(PRECISIONS, made, figures, strict=True):
        remark = "" if one.precision == precision else f" ({one.precision})"
        yield f"{one.error:.1e}{remark}"
        yield f"{one.size / 1e6:.2f}"
        yield f"{figure.seconds / own.seconds:.2f}"


def _saved(network: Network, case: Small | Variant, folder: Path) -> tuple[Path, ReadOptions]:
    """A file in the original's layout, and what is to be told of it."""
    told = dict(case.told)
    options = ReadOptions(family=told.pop("family", network.config.family), overrides=told)
    return save_original(network, BY_NAME[network.config.family].layouts[case.layout], folder / "model.pth"), options


def _made(network: Network, original: Path, reading: ReadOptions, sizes: Sequence[tuple[int, int]]) -> Iterator[Made]:
    """The command's own graphs; the one in eight bits is made from the first, as the command makes it."""
    import onnx_ir

    from muggle_convert.exporting.onnx import GraphOptions, export_onnx
    from muggle_convert.exporting.onnx.int8 import save_in_int8
    from muggle_convert.exporting.onnx.trials import session_of, tried

    for precision in PRECISIONS:
        path, said = original.with_name(f"{precision}.onnx"), precision
        if precision == "int8":
            save_in_int8(onnx_ir.load(original.with_name("float32.onnx")), path, network)
        else:
            options = GraphOptions(precision=precision, largest_error=math.inf)
            said = export_onnx(original, path, options, reading).graph.precision
        session = session_of(path)
        trials = []
        for height, width in sizes:
            for batch in BATCHES:
                inputs = _drawn(network, batch, height, width)
                with torch.inference_mode():
                    expected = network(*inputs)
                trials.append(tried(network, session, inputs, expected))
        feeds = {value.name: one.numpy() for value, one in zip(session.get_inputs(), _drawn(network, 1, *sizes[0]), strict=True)}
        yield Made(said, path.stat().st_size, trials, _bound(session, feeds))


def _bound(session: Any, feeds: dict[str, Any]) -> Callable[[], object]:
    return lambda: session.run(None, feeds)


def _sizes(network: Network) -> list[tuple[int, int]]:
    from muggle_convert.exporting.onnx.interface import only_size, step_of

    step, image = step_of(network), network.config.image
    if step is None:
        return [only_size(network)]
    largest = shown(image).size
    return [
        tuple(max(1, round(share * largest / one)) * one for share, one in zip(shares, step, strict=True))  # type: ignore[misc]
        for shares in SHARES
    ]


def _drawn(network: Network, batch: int, height: int, width: int) -> list[torch.Tensor]:
    from muggle_convert.exporting.onnx.interface import interface
    from muggle_convert.exporting.onnx.trials import drawn

    return drawn(network, interface(network, None), batch, height, width)
