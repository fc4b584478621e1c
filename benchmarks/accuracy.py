"""How far each precision is from the exact prediction, on the device where it runs."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.cases import chosen, drawn
from model_defs.network import Network
from tests.goldens import RELEASED, Golden, goldens

PRECISIONS = ("float32", "tf32", "float16", "bfloat16")


class Elsewhere:
    """A network that is given tensors on the processor and answers there, wherever and in whatever it computes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.config = network.config

    def __call__(self, *inputs: torch.Tensor, **named: torch.Tensor) -> Any:
        weight = next(self.network.parameters())
        found = self.network(*(value.to(weight) for value in inputs), **{name: value.to(weight) for name, value in named.items()})
        return {name: value.cpu() for name, value in found.items()} if isinstance(found, dict) else found.cpu()


def accuracy(arguments: argparse.Namespace) -> None:
    """The largest error of each case, in standard deviations: of the original's prediction for narrow networks, of our own in float64 for released sizes."""
    torch.set_num_threads(arguments.threads)
    precisions = [one for one in PRECISIONS if one != "tf32" or arguments.device != "cpu"]  # which only cards have
    print(f"| case | {' | '.join(precisions)} |\n|---|{'---|' * len(precisions)}", flush=True)
    for case in _cases(arguments):
        cells = [_shown(case, precision, arguments) for precision in precisions]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


def _cases(arguments: argparse.Namespace) -> Iterator[Golden]:
    if not arguments.narrow:
        yield from chosen(arguments)
        return
    yield from (case for case in goldens() if not arguments.words or any(word in case.name for word in arguments.words))


def _shown(case: Golden, precision: str, arguments: argparse.Namespace) -> str:
    try:
        return f"{_error(case, precision, arguments):.1e}"
    except Exception as problem:  # one case that fails is one cell, and not the end of the table
        print(f"{case.name} in {precision}: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}", file=sys.stderr)
        return "fails"


def _error(case: Golden, precision: str, arguments: argparse.Namespace) -> float:
    if case.folder.parent != RELEASED:
        with TemporaryDirectory() as folder:
            network = Elsewhere(_loaded(case, case.save(Path(folder)), precision, arguments.device))
            return case.error(network)  # type: ignore[arg-type]  # it is only called
    path = drawn(case, arguments.folder)
    network = Elsewhere(_loaded(case, path, precision, arguments.device))
    exact = Elsewhere(_loaded(case, path, "float64", arguments.device))
    worst = 0.0
    with torch.inference_mode():
        for image in case.inputs():
            expected = exact(image)
            worst = max(worst, float((network(image).double() - expected).abs().max() / expected.std()))
    return worst


def _loaded(case: Golden, path: Path, dtype: str, device: str) -> Network:
    from muggle_convert import load_any_dpt

    with warnings.catch_warnings(action="ignore"):
        return load_any_dpt(path, device=device, dtype=dtype, **case.options)
