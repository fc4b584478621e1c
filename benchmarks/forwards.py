"""One prediction, in one process, with the same threads and the same weights."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.cases import chosen, drawn, named
from benchmarks.later import Later
from benchmarks.measure import clock_for, in_turn, run
from benchmarks.originals import muggled_dpt, original
from benchmarks.table import Row
from model_defs.fast import freeze
from model_defs.fast.installing import remove
from model_defs.network import Network
from tests.goldens import Golden

WARMING = 3  # times that a size is seen before it is prepared
Predict = Callable[..., Any]
Inputs = tuple[torch.Tensor, ...]


def forward(arguments: argparse.Namespace) -> Iterator[Row]:
    """Target: 1.25 times the fastest peer, and for Depth-Anything 1.6 times the original, with an error of at most 5e-4 deviations."""
    from muggle_convert import load_any_dpt

    torch.set_num_threads(arguments.threads)
    for case in chosen(arguments):
        path = drawn(case, arguments.folder)
        exact = load_any_dpt(path, **case.options).to(arguments.device)
        mine = _prepared(load_any_dpt(path, **case.options), arguments)
        shown = [(torch.randn(1, 3, size, size),) for size in arguments.size] or [_together(inputs) for inputs in case.inputs()]
        for name, theirs in _peers(case, path, arguments):
            theirs = _prepared(theirs, arguments)
            for inputs in shown:
                several = tuple(one.expand(arguments.batch, *one.shape[1:]).contiguous().to(arguments.device) for one in inputs)
                if (row := _beside(case, exact, mine, name, theirs, several, arguments)) is not None:
                    yield row


def _together(inputs: torch.Tensor | Inputs) -> Inputs:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _prepared(model: nn.Module, arguments: argparse.Namespace) -> Predict:
    model = model.to(arguments.device, getattr(torch, arguments.dtype))
    if arguments.optimize:  # each by its own means
        return model.optimize() if isinstance(model, Network) else torch.compile(model, mode="reduce-overhead", dynamic=False)
    if not arguments.compile:  # nothing here writes weights; of a peer, whose modules have no kernels, this keeps nothing
        freeze(model)
    return torch.compile(model) if arguments.compile else model


def _beside(
    case: Golden | Later, exact: Predict, mine: Predict, name: str, theirs: Predict, inputs: Inputs, arguments: argparse.Namespace
) -> Row | None:
    size = _size(inputs[0])
    rounded = [one.to(getattr(torch, arguments.dtype)) for one in inputs]
    with torch.inference_mode():
        expected = _main(exact(*inputs))
        try:
            theirs(*rounded)
        except Exception as problem:
            print(f"{name} fails on {case.name} at {size}: {problem}", file=sys.stderr)
            return None
        for _ in range(WARMING if arguments.optimize else 0):
            _finished(mine(*rounded)), _finished(theirs(*rounded))
        error, peer_error = (float((_main(model(*rounded)).float() - expected).abs().max() / expected.std()) for model in (mine, theirs))
        clock = clock_for(arguments.threads, arguments.device)
        first, second = in_turn(arguments.runs, lambda: _finished(mine(*rounded)), lambda: _finished(theirs(*rounded)), clock=clock)
        memory, peer_memory = _peaks(case, name, (mine, theirs), rounded, arguments)
    remark = f"off by {error:.1e} and {peer_error:.1e} standard deviations of this project's float32"
    if arguments.batch > 1 or arguments.device != "cpu":
        remark += f"; {arguments.batch / first.seconds:.1f} and {arguments.batch / second.seconds:.1f} images a second"
    what = "forward, compiled" if arguments.compile else "forward, optimized" if arguments.optimize else "forward"
    return Row(f"{case.name}, {size}", f"{what}, {arguments.dtype}", first.seconds, name, second.seconds, memory, peer_memory, remark)


def _size(first: torch.Tensor) -> str:
    """Rows and columns, and before them how many views or frames there are."""
    several = f"{first.shape[1]} of " if first.ndim == 5 else ""
    return several + " x ".join(map(str, first.shape[-2:]))


def _main(prediction: torch.Tensor | dict[str, torch.Tensor]) -> torch.Tensor:
    """What a network of several outputs is compared by: its depth, or the points of the first view."""
    if not isinstance(prediction, dict):
        return prediction
    found: torch.Tensor = prediction["depth"] if "depth" in prediction else next(iter(prediction.values()))
    return found


def _finished(prediction: Any) -> None:
    """Devices other than a CPU answer before they are done."""
    if _main(prediction).device.type != "cpu":
        torch.accelerator.synchronize()


def _peaks(
    case: Golden | Later, peer: str, models: tuple[Predict, Predict], inputs: Sequence[torch.Tensor], arguments: argparse.Namespace
) -> tuple[float, float]:
    """The most memory in use up to the end of one prediction, of this project and of a peer: that of a fresh process, or the device's."""
    if arguments.device != "cpu":
        mine, theirs = (_device_peak(model, inputs) for model in models)
        return mine, theirs
    what = {**vars(arguments), "folder": str(arguments.folder), "originals": arguments.originals and str(arguments.originals)}
    line = [sys.executable, "-m", "benchmarks.forwards", case.name, json.dumps([tuple(one.shape) for one in inputs]), json.dumps(what)]
    run([*line, "this project"])  # which tries the kernels of a shape that is new, and holds both ways' maps while it does
    return run([*line, "this project"]).memory, run([*line, peer]).memory


def _device_peak(model: Predict, inputs: Sequence[torch.Tensor]) -> float:
    """Of a prediction alone, without the weights, which both keep there."""
    torch.accelerator.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    _finished(model(*inputs))
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def one_prediction() -> None:
    """What the process does whose memory is measured."""
    name, shapes, what, contestant = sys.argv[1:]
    case = named(name)
    arguments = argparse.Namespace(**{**json.loads(what), "peer": [contestant]})
    arguments.folder, arguments.originals = Path(arguments.folder), arguments.originals and Path(arguments.originals)
    torch.set_num_threads(arguments.threads)
    path = drawn(case, arguments.folder)
    if contestant == "this project":
        from muggle_convert import load_any_dpt

        model: nn.Module = load_any_dpt(path, **case.options)
    else:
        model = dict(_peers(case, path, arguments))[contestant]
    with torch.inference_mode():
        _prepared(model, arguments)(*(torch.randn(*shape, dtype=getattr(torch, arguments.dtype)) for shape in json.loads(shapes)))


def _peers(case: Golden | Later, path: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, nn.Module]]:
    wanted = arguments.peer or ["transformers", "original", "muggled_dpt"]
    if "plain" in wanted:
        yield "plain", _plain(path, case.options)
    if "transformers" in wanted and (model := _transformers(path, case.options)) is not None:
        yield "transformers", model
    if arguments.originals and "original" in wanted and (model := _attempted(original, case, path, arguments.originals)) is not None:
        yield "original", model
    if arguments.originals and "muggled_dpt" in wanted and (model := _attempted(muggled_dpt, case, path, arguments.originals)) is not None:
        yield "muggled_dpt", model


def _plain(path: Path, options: Mapping[str, Any]) -> Network:
    """This project's own network without its kernels."""
    from muggle_convert import load_any_dpt

    model: Network = load_any_dpt(path, **options)
    remove(model)
    return model


def _attempted(
    make: Callable[[Golden | Later, Path, Path], nn.Module | None], case: Golden | Later, path: Path, repositories: Path
) -> nn.Module | None:
    """A peer, where what it needs is installed and it takes the case; another's code may fail in any way."""
    try:
        return make(case, path, repositories)
    except Exception as problem:
        print(f"{make.__name__} does not run {case.name}: {type(problem).__name__}: {problem}", file=sys.stderr)
        return None


class Output(nn.Module):
    """A model of transformers that gives one tensor, as all others here do."""

    def __init__(self, model: nn.Module, name: str) -> None:
        super().__init__()
        self.model, self.name = model, name

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        prediction: torch.Tensor = self.model(**dict(zip(("pixel_values", "prompt_depth"), inputs, strict=False)))[self.name]
        return prediction


def _transformers(path: Path, options: Mapping[str, Any]) -> Output | None:
    """The same weights in transformers, by way of our own export; None for families it does not have."""
    from transformers import AutoModelForDepthEstimation, AutoModelForSemanticSegmentation

    from muggle_convert import Refusal, export, inspect

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            family = options.get("family")
            told = {key: value for key, value in options.items() if key != "family"}
            export(path, Path(folder) / "hf", "transformers", family=family, overrides=told)
        except Refusal:
            return None
        is_segmentation = inspect(path, family=family, overrides=told).match.config.output.kind == "classes"
        kind = AutoModelForSemanticSegmentation if is_segmentation else AutoModelForDepthEstimation
        model = kind.from_pretrained(Path(folder) / "hf").eval()
    return Output(model, "logits" if is_segmentation else "predicted_depth")


if __name__ == "__main__":
    one_prediction()
