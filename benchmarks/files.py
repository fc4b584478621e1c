"""Looking at files and converting them, beside copying them and beside what people do by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cases import chosen, drawn, of_size
from benchmarks.measure import Figure, commands_in_turn
from benchmarks.table import Row

PROGRAM = (sys.executable, "-m", "muggle_convert")
BY_HAND = "import torch, sys; from safetensors.torch import save_file; save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])"


def inspect(arguments: argparse.Namespace) -> Iterator[Row]:
    """Target: at most 0.35 s and 60 MiB for 1.3 GB; and beside loading it with torch."""
    for path, options in _checkpoints(arguments):
        by_torch = [sys.executable, "-c", "import torch, sys; torch.load(sys.argv[1], weights_only=True, mmap=True)", path]
        mine, theirs = commands_in_turn(arguments.runs, (_nothing, [*PROGRAM, "inspect", path, *options]), (_nothing, by_torch))
        yield Row(_label(path), "inspect", mine.seconds, "torch.load, mapped", theirs.seconds, mine.memory, theirs.memory)
    mine, theirs = commands_in_turn(arguments.runs, (_nothing, [*PROGRAM, "--help"]), (_nothing, [sys.executable, "-c", "import torch"]))
    yield Row("start-up", "--help", mine.seconds, "import torch", theirs.seconds, mine.memory, theirs.memory)


def convert(arguments: argparse.Namespace) -> Iterator[Row]:
    """Target: at most 1.6 times the copy plus 0.3 s for start-up, and 80 MiB whatever the size."""
    for path, options in _checkpoints(arguments):
        copy, target = path.with_suffix(".copy"), path.with_suffix(".safetensors")

        def clean(copy: Path = copy, target: Path = target) -> None:
            copy.unlink(missing_ok=True)
            target.unlink(missing_ok=True)

        line = [*PROGRAM, path, "-o", target, *options]
        copy_and_sync = ["sh", "-c", 'cp "$0" "$1" && sync "$1"', path, copy]
        mine, theirs = commands_in_turn(arguments.runs, (clean, line), (clean, copy_and_sync))
        yield _row(path, "convert", mine, "cp and sync", theirs)
        mine, theirs = commands_in_turn(arguments.runs, (clean, [*line, "--no-sync"]), (clean, ["cp", path, copy]))
        yield _row(path, "convert --no-sync", mine, "cp", theirs)
        mine, theirs = commands_in_turn(
            arguments.runs, (clean, [*line, "--no-sync"]), (clean, [sys.executable, "-c", BY_HAND, path, target])
        )
        yield Row(_label(path), "convert --no-sync", mine.seconds, "torch.load, save_file", theirs.seconds, mine.memory, theirs.memory)
        clean()


def _row(path: Path, what: str, mine: Figure, peer: str, theirs: Figure) -> Row:
    allowed = 1.6 * theirs.seconds + 0.3
    remark = f"{'within' if mine.seconds <= allowed else 'above'} 1.6 x + 0.3 s = {allowed:.2f} s"
    return Row(_label(path), what, mine.seconds, peer, theirs.seconds, mine.memory, theirs.memory, remark)


def _checkpoints(arguments: argparse.Namespace) -> Iterator[tuple[Path, list[str]]]:
    if arguments.gigabytes:
        for size in arguments.gigabytes:
            path, blocks = of_size(size, arguments.folder)
            last = blocks - 1
            yield path, ["--set", f"taps={last - 3},{last - 2},{last - 1},{last}"]
    else:
        for case in chosen(arguments, ("v2.vitl",)):
            yield drawn(case, arguments.folder), []


def _label(path: Path) -> str:
    return f"{path.name}, {path.stat().st_size / 1e9:.2f} GB"


def _nothing() -> None:
    pass
