"""From a path to a `Checkpoint`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from muggle_convert.checkpoints.checkpoint import Checkpoint, TensorEntry
from muggle_convert.checkpoints.folders import INDEX, checkpoint_in, shards_in
from muggle_convert.checkpoints.limits import DEFAULT_LIMITS, Limits
from muggle_convert.checkpoints.pickle_values import FileContents, Pairs, Tensor
from muggle_convert.checkpoints.recognise import reader_of
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile, reason_of
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.checkpoints.unwrap import LeaveOut, Unwrapped, flat, unwrap
from muggle_convert.errors import Refusal, about

SIDECAR = "config.json"
PREPROCESSOR = "preprocessor_config.json"


def open_checkpoint(
    path: str | Path, state: str | None = None, limits: Limits = DEFAULT_LIMITS, leave_out: LeaveOut = lambda name: None
) -> Checkpoint:
    """Open a file, folder or index. `state` names the entry to take if it holds several models. No byte of a tensor is read
    and nothing in the file is run."""
    path = Path(path)
    try:
        source = checkpoint_in(path) if path.is_dir() else path
    except (OSError, ValueError) as problem:  # an impossible path: too long, or with a NUL
        raise Refusal(f"cannot open {printable(path)}: {reason_of(problem)}") from None
    contents = _read_shards(source, limits) if source.name.endswith(INDEX) else _read(source, limits)
    try:
        parts = unwrap(contents.root, state, leave_out) if contents.graph is None else _of_graph(contents, state)
        _refuse_too_much(list(parts.tensors.values()), limits)
    except Refusal as problem:
        raise Refusal(about(printable(path), str(problem))) from None
    sidecar, broken = _read_sidecar(source.parent / SIDECAR, limits)
    preprocessor, broken_too = _read_sidecar(source.parent / PREPROCESSOR, limits)
    warnings = contents.warnings + broken + broken_too
    return Checkpoint(
        path,
        contents.container,
        metadata=contents.metadata,
        sidecar=sidecar,
        preprocessor=preprocessor,
        warnings=warnings,
        graph=contents.graph,
        **vars(parts),
    )


def _of_graph(contents: FileContents, state: str | None) -> Unwrapped:
    """The tensors of a graph have their own names, and nothing lies around them."""
    if state is not None:
        raise Refusal(f"holds one graph and no several states; leave --state {printable(state)} out")
    return Unwrapped(dict(contents.entries), {}, (), ())


def _read(path: Path, limits: Limits) -> FileContents:
    with SourceFile(path) as file:
        return reader_of(file)(file, limits)


def _read_shards(index: Path, limits: Limits) -> FileContents:
    tensors: list[tuple[str, Tensor]] = []
    metadata: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    for shard, promised in shards_in(index, limits).items():
        contents = _read(shard, limits)
        try:
            held = flat(contents.root)
            if missing := sorted(set(promised) - held.keys()):
                raise Refusal(f"does not hold the tensor {printable(missing[0])}, which {printable(index.name)} places there")
            if extra := sorted(held.keys() - set(promised)):
                raise Refusal(f"holds the tensor {printable(extra[0])}, which {printable(index.name)} does not place there")
        except Refusal as problem:
            raise Refusal(about(printable(shard), str(problem))) from None
        tensors += held.items()
        metadata |= contents.metadata
        warnings += tuple(f"{printable(shard.name)}: {warning}" for warning in contents.warnings)
    return FileContents("sharded folder", Pairs(list(tensors)), metadata, warnings)


def _refuse_too_much(tensors: list[TensorEntry], limits: Limits) -> None:
    size = sum(entry.size for entry in tensors)
    if size > limits.output_bytes:
        largest = max(tensors, key=lambda entry: entry.size)
        raise Refusal(
            f"its tensors would take {size:,} bytes ({printable(largest.name)} alone {largest.size:,}), more than the "
            f"{limits.output_bytes:,} that are allowed"
        )
    held = sum({entry.record.file: entry.record.stamp.size for entry in tensors if entry.record.stamp is not None}.values())
    most = limits.inflation * held + limits.inflation_allowance
    if size > most:
        raise Refusal(
            f"its {held:,} bytes would become {size:,}, as its tensors show the same bytes again and again, which real weights never do"
        )
    if sum(_bytes_read(entry, limits) for entry in tensors) > most:
        raise Refusal(
            "its tensors are parts of a record that would have to be read again for each; save it again with every tensor made contiguous"
        )
    if len(tensors) > limits.tensors:
        raise Refusal(f"it has {len(tensors):,} tensors, more than the {limits.tensors:,} allowed for one model")
    for entry in tensors:
        if len(entry.name) > limits.name_length:
            raise Refusal(
                f"its tensor {printable(entry.name)} has a name of {len(entry.name):,} characters, more than the {limits.name_length} "
                "allowed"
            )
        if entry.count and not entry.is_in_order and entry.span > limits.held_bytes:
            raise Refusal(
                f"its tensor {printable(entry.name)} is not stored in order but lies across {entry.span:,} bytes, more than the "
                f"{limits.held_bytes:,} that are put in order; save it again with every tensor made contiguous"
            )


def _bytes_read(entry: TensorEntry, limits: Limits) -> int:
    """How much has to be read for a tensor whose record is too large to be kept for all that are parts of it."""
    if entry.record.size <= limits.held_bytes:
        return 0
    return entry.record.size if entry.record.deflated else 0 if entry.is_in_order else entry.span


def _read_sidecar(path: Path, limits: Limits) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A JSON file beside the weights only helps, so a broken one does not stop anything."""
    if not path.is_file():
        return {}, ()
    try:
        with SourceFile(path) as file:
            if file.size > limits.sidecar_bytes:
                raise Refusal(f"it takes {file.size:,} bytes, more than the {limits.sidecar_bytes:,} that are allowed")
            return parse_object(file.read(0, file.size)), ()
    except Refusal as problem:
        return {}, (f"ignored a broken {path.name}: {problem}",)
