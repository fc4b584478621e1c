"""Folders and indexes: which files belong to one model."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path

from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.recognise import reader_of
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal

USUAL = ("model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin")
INDEX = ".index.json"
MOST_FILES = 10_000


def checkpoint_in(folder: Path) -> Path:
    """The file or index that a folder stands for: one of the usual names, or else the only one there is."""
    for name in USUAL:
        if (folder / name).is_file():
            return folder / name
    try:
        with os.scandir(folder) as listing:
            names = sorted(entry.name for entry in islice(listing, MOST_FILES) if entry.is_file())
    except OSError as problem:
        raise Refusal(f"cannot read the folder {printable(folder)}: {problem.strerror}") from None
    indexes = [folder / name for name in names if name.endswith(INDEX)]
    found = indexes or [folder / name for name in names if _is_checkpoint(folder / name)]
    if len(found) != 1:
        several = " and ".join(printable(path.name) for path in found[:2])
        what = f"holds {len(found)} checkpoints, such as {several}" if found else "holds no checkpoint"
        raise Refusal(f"the folder {printable(folder)} {what}; give the path of one file")
    return found[0]


def _is_checkpoint(path: Path) -> bool:
    try:
        with SourceFile(path) as file:
            reader_of(file)
    except Refusal:
        return False
    return True


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
            shards.setdefault(index.parent / _plain_name(shard), []).append(name)
        for shard_path in shards:
            _refuse_link_outside(shard_path)
    return shards


def _plain_name(shard: str) -> str:
    if shard in ("", ".", "..") or any(character in shard for character in "/\\\0:"):
        raise Refusal(f"names the shard {printable(shard)!r}, which is not the plain name of a file in its folder")
    return shard


def _refuse_link_outside(shard: Path) -> None:
    """A link may only point into its own folder, or to the blobs of the Hugging Face cache that the folder belongs to."""
    try:
        if not stat.S_ISLNK(os.lstat(shard).st_mode):
            return
        folder = shard.parent.resolve()
        target = shard.resolve()
    except (OSError, RuntimeError):
        raise Refusal(f"names the shard {printable(shard.name)}, which is not in its folder") from None
    cache = folder.parent.parent / "blobs" if folder.parent.name == "snapshots" else folder
    if not target.is_relative_to(folder) and not target.is_relative_to(cache):
        raise Refusal(f"names the shard {printable(shard.name)}, a link that leads out of its folder to {printable(target)}")
