"""Folders and indexes: which files belong to one model."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

from muggle_convert.checkpoints.beside import beside
from muggle_convert.checkpoints.graphs.onnx_file import read_onnx
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.recognise import Reader, reader_of
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal

USUAL = ("model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin", "onnx/model.onnx")
INDEX = ".index.json"
MOST_FILES = 10_000
DEEPEST = 4  # folders below a trainer's own, such as lightning_logs/version_0/checkpoints
_WEIGHTS = re.compile(r"\.(safetensors|pth?|bin|ckpt|distcp|index\.json)$")


def checkpoint_in(folder: Path) -> Path:
    """The file or index that a folder stands for: one of the usual names, or else the only one there is, where a graph counts only by itself."""
    for name in USUAL:
        if (folder / name).is_file():
            return folder / name
    try:
        with os.scandir(folder) as listing:
            names = sorted(entry.name for entry in islice(listing, MOST_FILES) if entry.is_file())
    except OSError as problem:
        raise Refusal(f"cannot read the folder {printable(folder)}: {problem.strerror}") from None
    indexes = [folder / name for name in names if name.endswith(INDEX)]
    if any(name.endswith(".distcp") for name in names):
        raise Refusal(
            f"the folder {printable(folder)} is a checkpoint of torch.distributed, in parts; if you trust it, join them with `python -m "
            f"torch.distributed.checkpoint.format_utils dcp_to_torch {printable(folder)} joined.pth`, and give that file"
        )
    readers = {folder / name: reader for name in names if (reader := _reader(folder / name)) is not None}
    found = indexes or [path for path, reader in readers.items() if reader is not read_onnx] or list(readers)
    if not found and (below := _checkpoints_below(folder)):
        raise Refusal(
            f"the folder {printable(folder)} is one that a trainer wrote to, with {len(below)} {'checkpoint' if len(below) == 1 else 'checkpoints'} "
            f"in folders below; give one of them, such as {printable(below[-1])}"
        )
    if len(found) != 1:
        several = " and ".join(printable(path.name) for path in found[:2])
        what = f"holds {len(found)} checkpoints, such as {several}" if found else "holds no checkpoint"
        raise Refusal(f"the folder {printable(folder)} {what}; give the path of one file")
    return found[0]


def _checkpoints_below(folder: Path) -> list[Path]:
    """Folders and files that could be given instead, in the order of the numbers in their names: what was written last comes last."""
    files: list[Path] = []
    folders = [folder]
    for _ in range(DEEPEST):
        inside = [entry for one in folders for entry in _listing(one)][:MOST_FILES]
        folders = [Path(entry.path) for entry in inside if entry.is_dir(follow_symlinks=False)]
        files += [Path(entry.path) for entry in inside if _WEIGHTS.search(entry.name) and entry.is_file()]
    usual = {path.parent for path in files if path.parent != folder and (path.name in USUAL or path.suffix == ".distcp")}
    others = {path for path in files if path.parent not in (folder, *usual) and _reader(path) is not None}
    return sorted(usual | others, key=lambda path: [int(word) if word.isdecimal() else word for word in re.split(r"(\d{1,12})", str(path))])


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(islice(listing, MOST_FILES))
    except OSError:
        return []


def _reader(path: Path) -> Reader | None:
    """What reads a file; None for what is no checkpoint."""
    try:
        with SourceFile(path) as file:
            return reader_of(file)
    except Refusal:
        return None


def shards_in(index: Path, limits: Limits) -> dict[Path, list[str]]:
    """The files that an index names, each with the tensors that it should hold."""
    with SourceFile(index) as file:
        if file.size > limits.header_bytes:
            raise Refusal(f"takes {file.size:,} bytes, more than the {limits.header_bytes:,} that an index is allowed")
        places = parse_object(file.read(0, file.size)).get("weight_map")
        if not isinstance(places, dict) or not places or not all(isinstance(shard, str) for shard in places.values()):
            raise Refusal("is not an index of shards: it has no weight_map from names of tensors to names of files")
        shards: dict[Path, list[str]] = {}
        for name, shard in places.items():
            shards.setdefault(index.parent / shard, []).append(name)
        for shard in dict.fromkeys(places.values()):
            beside(index, shard, "shard")
    return shards
