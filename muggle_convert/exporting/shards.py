"""A model in several safetensors files with an index, as used by the Hub and transformers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from muggle_convert.errors import Refusal
from muggle_convert.exporting.exported_tensor import ExportedTensor
from muggle_convert.exporting.file_formats import FileOut, safetensors_file, text_file

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}  # as on the Hub


def size_in_bytes(text: str) -> int:
    """A size such as 5GB or 500MB."""
    match = re.fullmatch(r"(\d+)\s*([KMG]i?B)", text.strip(), re.IGNORECASE)
    if match is None or not int(match[1]):
        raise Refusal(f"{text!r} is not a size; write one such as 5GB or 500MB.")
    return int(match[1]) * UNITS[match[2].upper()]


def safetensors_files(path: Path, contents: Sequence[ExportedTensor], largest: int | None) -> dict[Path, FileOut]:
    """One file, or several of at most `largest` bytes of tensors each; wider types come first, so that all are aligned."""
    ordered = sorted(contents, key=lambda content: -content.dtype.size)
    shards = _shards(ordered, largest) if largest else [ordered]
    if len(shards) == 1:
        return {path: safetensors_file(shards[0])}
    names = [f"{path.stem}-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    places = {content.name: name for name, shard in zip(names, shards, strict=True) for content in shard}
    index = {"metadata": {"total_size": sum(content.size for content in contents)}, "weight_map": dict(sorted(places.items()))}
    return {
        path.with_name(path.name + ".index.json"): text_file(json.dumps(index, indent=2).encode() + b"\n"),
        **{path.with_name(name): safetensors_file(shard) for name, shard in zip(names, shards, strict=True)},
    }


def _shards(contents: Sequence[ExportedTensor], largest: int) -> list[list[ExportedTensor]]:
    shards: list[list[ExportedTensor]] = [[]]
    room = largest
    for content in contents:
        if content.size > room and shards[-1]:
            shards.append([])
            room = largest
        shards[-1].append(content)
        room -= content.size
    return shards
