"""The published checkpoints: a table that is data, in zoo.json and in a file of the user's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

TABLE = Path(__file__).with_name("zoo.json")
OWN_TABLE = "MUGGLE_CONVERT_ZOO"  # names a file like zoo.json, whose entries come first
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})$")  # the custom of torch.hub: the first digits of the file's SHA-256


@dataclass(frozen=True)
class Entry:
    """One published checkpoint: at an address, or as a file in a repository on the Hub."""

    name: str
    family: str
    licence: str  # as its card says; "unknown" where that says nothing
    predicts: str
    parameters: int  # in millions, as published
    url: str | None = None
    repository: str | None = None
    file: str | None = None
    size: int | None = None  # bytes, where known
    sha256: str | None = None  # where known

    @property
    def place(self) -> str:
        return self.url or f"{self.repository}: {self.file}"

    @property
    def file_name(self) -> str:
        """What the file is called here: the entry's name, with the ending it has there."""
        return self.name + Path(self.url or self.file or "").suffix

    @property
    def hash_prefix(self) -> str | None:
        """As much of the file's SHA-256 as is known."""
        match = _HASH_IN_NAME.search(self.name)
        return self.sha256 or (match[1] if match else None)

    @property
    def is_non_commercial(self) -> bool:
        return "-nc" in self.licence


def entries() -> list[Entry]:
    """All checkpoints that are known, the user's own first; an own one takes the place of one with its name."""
    own = os.environ.get(OWN_TABLE)
    tables = [*([Path(own)] if own else []), TABLE]
    found: dict[str, Entry] = {}
    for table in tables:
        for entry in _read(table):
            found.setdefault(entry.name, entry)
    return list(found.values())


def entry(name: str) -> Entry:
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        near = [other for other in known if name.lower() in other.lower()] or list(known)
        raise Refusal(
            f"the zoo has no {printable(name)}; it has {', '.join(near[:6])}{' and more' if len(near) > 6 else ''} (muggle-convert zoo)."
        )
    return known[name]


def _read(table: Path) -> list[Entry]:
    try:
        rows = json.loads(table.read_text())
        return [_entry(row) for row in rows]
    except (OSError, ValueError, TypeError) as problem:
        raise Refusal(f"{printable(table)} is not a table of checkpoints like {TABLE.name}: {printable(problem)}.") from None


def _entry(row: Mapping[str, Any]) -> Entry:
    known = {field.name for field in fields(Entry)}
    if unknown := sorted(set(row) - known):
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(sorted(known))}")
    made = Entry(**row)
    if bool(made.url) == bool(made.repository) or bool(made.repository) != bool(made.file):
        raise ValueError(f"{made.name} needs a url, or a repository and a file")
    if re.fullmatch(r"[\w.-]+", made.name) is None:
        raise ValueError(f"{made.name!r} is not a plain name")
    return made
