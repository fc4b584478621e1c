"""A note in an output folder that records how its predictions were made, so that a later run continues only if it would make the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from model_defs.plain_values import to_dict
from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.identify.match import Match

NOTE = ".muggle-convert.json"  # hidden, so that it is taken neither for a picture nor for a result

Recipe = Mapping[str, str]  # each option that changes what is written


def weights_of(matched: Match) -> str:
    """A short hash of weights and settings: equal for a checkpoint and its conversion, and another one for each graph of it."""
    checkpoint = matched.checkpoint
    stamps = [str(record.stamp) for record in checkpoint.records]  # for files without checksums
    types = sorted({entry.dtype.code for entry in checkpoint.tensors.values() if entry.dtype.is_floating})
    graph = [matched.graph.to_json()] if matched.graph is not None else []
    hashed = json.dumps([matched.fingerprint or stamps, types, to_dict(matched.config), *graph], sort_keys=True)
    return hashlib.sha256(hashed.encode()).hexdigest()[:12]


def refuse_other_recipe(folder: Path, existing: int, recipe: Recipe) -> None:
    """If `existing` of the files are in the folder already, they must be what would be made now."""
    try:
        note = (folder / NOTE).read_bytes()
    except OSError:
        note = b""
    refuse_other_note(folder, existing, note, recipe)


def refuse_other_note(folder: Path | str, existing: int, note: bytes, recipe: Recipe) -> None:
    """The same for a folder anywhere, and what its note says."""
    if not existing:
        return
    remedy = "write to another folder, or predict all of them again with --force."
    try:
        before = parse_object(note)
    except Refusal:
        raise Refusal(f"{printable(folder)} already holds {existing} of the files, and nothing says how they were made; {remedy}") from None
    for option, now in recipe.items():
        if _without_name(str(before.get(option))) != _without_name(now):
            raise Refusal(
                f"{printable(folder)} holds predictions made with {option} {printable(before.get(option))}, and {now} is asked for; {remedy}"
            )


def _without_name(value: str) -> str:
    """A model's file may be renamed; its hash, in brackets after the name, stays the same."""
    return value.rpartition(" (")[2]


def record_recipe(folder: Path, recipe: Recipe) -> None:
    with replacing(folder / NOTE) as part:
        part.write_bytes(note_of(recipe))


def note_of(recipe: Recipe) -> bytes:
    return (json.dumps(recipe, indent=1) + "\n").encode()
