"""A note in an output folder that records how its predictions were made, so that a later run continues only if it would make the same.

There is one for each ending of files, so that a folder may hold the same depth in several formats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from model_defs.plain_values import to_dict
from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.files.target import make_folder
from muggle_convert.identify.match import Match

STATE = ".muggle-convert"  # hidden, so that nothing in it is taken for a picture or for a result
NOTE_BEFORE = ".muggle-convert.json"  # the only one of a folder, as it was called once
MOST_BYTES = 1 << 20  # of a note

Recipe = Mapping[str, str]  # each option that changes what is written


def weights_of(matched: Match) -> str:
    """A short hash of weights and settings: equal for a checkpoint and its conversion, and another one for each graph of it."""
    checkpoint = matched.checkpoint
    stamps = [str(record.stamp) for record in checkpoint.records]  # for files without checksums
    types = sorted({entry.dtype.code for entry in checkpoint.tensors.values() if entry.dtype.is_floating})
    graph = [matched.graph.to_json()] if matched.graph is not None else []
    hashed = json.dumps([matched.fingerprint or stamps, types, to_dict(matched.config), *graph], sort_keys=True)
    return hashlib.sha256(hashed.encode()).hexdigest()[:12]


def note_of_ending(suffix: str) -> str:
    """The path of the note in its folder."""
    return f"{STATE}/{suffix.removeprefix('.')}.json"


def refuse_other_note(folder: Path | str, existing: int, suffix: str, read: Callable[[str], bytes], recipe: Recipe) -> None:
    """If `existing` of the files with this ending are in the folder already, they must be what would be made now. `read` gives a file of the folder."""
    if not existing:
        return
    remedy = "write to another folder, or predict all of them again with --force."
    before = _note(read, note_of_ending(suffix)) or _note(read, NOTE_BEFORE)
    if before is None:
        raise Refusal(f"{printable(folder)} already holds {existing} of the files, and nothing says how they were made; {remedy}")
    if other := difference(before, recipe):
        raise Refusal(f"{printable(folder)} holds predictions made with {other}; {remedy}")


def difference(before: Recipe, recipe: Recipe) -> str | None:
    """The first option that differs, in words that follow "made with"."""
    for option, now in recipe.items():
        if _without_name(str(before.get(option))) != _without_name(now):
            return f"{option} {printable(before.get(option))}, and {now} is asked for"
    return None


def _note(read: Callable[[str], bytes], name: str) -> Recipe | None:
    try:
        return parse_object(read(name))
    except (OSError, Refusal):
        return None


def _without_name(value: str) -> str:
    """A model's file may be renamed; its hash, in brackets after the name, stays the same."""
    return value.rpartition(" (")[2]


def record_recipe(folder: Path, suffix: str, recipe: Recipe) -> None:
    note = folder / note_of_ending(suffix)
    make_folder(note.parent)
    with replacing(note) as part:
        part.write_bytes(note_of(recipe))


def note_of(recipe: Recipe) -> bytes:
    return (json.dumps(recipe, indent=1) + "\n").encode()
