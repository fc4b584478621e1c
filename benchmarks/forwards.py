"""One prediction, in one process, with the same threads and the same weights."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.cases import chosen, drawn
from benchmarks.measure import in_turn, run
from benchmarks.originals import muggled_dpt, original
from benchmarks.table import Row
from tests.goldens import RELEASED, Golden

Predict = Callable[[torch.Tensor], torch.Tensor]


def forward(arguments: argparse.Namespace) -> Iterator[Row]:
    """Target: 1.25 times the fastest peer, and for Depth-Anything 1.6 times the original, with an error of at most 5e-4 deviations."""
    from muggle_convert import load_any_dpt

    torch.set_num_threads(arguments.threads)
    for case in chosen(arguments):
        path = drawn(case, arguments.folder)
        mine = load_any_dpt(path, **case.options)
        pictures = [torch.randn(1, 3, size, size) for size in arguments.size] or case.inputs()
        for name, theirs in _peers(case, path, arguments):
            for picture in pictures:
                if (row := _beside(case, mine, name, theirs, picture, arguments)) is not None:
                    yield row


def _beside(case: Golden, mine: Predict, name: str, theirs: Predict, picture: torch.Tensor, arguments: argparse.Namespace) -> Row | None:
    with torch.inference_mode():
        ours = mine(picture)
        try:
            expected = theirs(picture)
        except Exception as problem:
            print(f"{name} fails on {case.name} at {' x '.join(map(str, picture.shape[2:]))}: {problem}", file=sys.stderr)
            return None
        error = float((ours - expected).abs().max() / expected.std())
        first, second = in_turn(arguments.runs, lambda: mine(picture), lambda: theirs(picture))
    size = " x ".join(map(str, picture.shape[2:]))
    remark = f"largest difference {error:.1e} deviations"
    memory, peer_memory = _peaks(case, name, picture, arguments)
    return Row(f"{case.name}, {size}", "forward", first.seconds, name, second.seconds, memory, peer_memory, remark)


def _peaks(case: Golden, peer: str, picture: torch.Tensor, arguments: argparse.Namespace) -> tuple[float, float]:
    """The most memory a fresh process has in use by the end of one prediction, of this project and of a peer."""
    line = [
        sys.executable,
        "-m",
        "benchmarks.forwards",
        case.name,
        *map(str, picture.shape[2:]),
        str(arguments.folder),
        str(arguments.originals),
    ]
    return run([*line, "this project"]).memory, run([*line, peer]).memory


def one_prediction() -> None:
    """What the process does whose memory is measured."""
    name, height, width, folder, originals, contestant = sys.argv[1:]
    case = Golden(RELEASED / name)
    arguments = argparse.Namespace(folder=Path(folder), originals=None if originals == "None" else Path(originals), peer=[contestant])
    path = drawn(case, arguments.folder)
    if contestant == "this project":
        from muggle_convert import load_any_dpt

        model: Predict = load_any_dpt(path, **case.options)
    else:
        model = dict(_peers(case, path, arguments))[contestant]
    with torch.inference_mode():
        model(torch.randn(1, 3, int(height), int(width)))


def _peers(case: Golden, path: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Predict]]:
    wanted = arguments.peer or ["transformers", "original", "muggled_dpt"]
    if "transformers" in wanted and (model := _transformers(path)) is not None:
        yield "transformers", model
    if arguments.originals and "original" in wanted and (model := _attempted(original, case, path, arguments.originals)) is not None:
        yield "original", model
    if arguments.originals and "muggled_dpt" in wanted and (model := _attempted(muggled_dpt, case, path, arguments.originals)) is not None:
        yield "muggled_dpt", model


def _attempted(make: Callable[[Golden, Path, Path], Predict | None], case: Golden, path: Path, repositories: Path) -> Predict | None:
    """A peer, where what it needs is installed and it takes the case; another's code may fail in any way."""
    try:
        return make(case, path, repositories)
    except Exception as problem:
        print(f"{make.__name__} does not run {case.name}: {type(problem).__name__}: {problem}", file=sys.stderr)
        return None


def _transformers(path: Path) -> Predict | None:
    """The same weights in transformers, by way of our own export; None for families it does not have."""
    from transformers import AutoModelForDepthEstimation, AutoModelForSemanticSegmentation

    from muggle_convert import Refusal, export, inspect

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            export(path, Path(folder) / "hf", "transformers")
        except Refusal:
            return None
        is_segmentation = inspect(path).match.config.output.kind == "classes"
        kind = AutoModelForSemanticSegmentation if is_segmentation else AutoModelForDepthEstimation
        model = kind.from_pretrained(Path(folder) / "hf").eval()
    if is_segmentation:
        return lambda picture: model(picture).logits
    return lambda picture: model(picture).predicted_depth


if __name__ == "__main__":
    one_prediction()
