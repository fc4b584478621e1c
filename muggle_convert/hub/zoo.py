"""The published checkpoints: those that the families list, and those in a file of the user's own."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.checkpoints.fingerprint import promised_fingerprint
from muggle_convert.checkpoints.regular_file import read_small
from muggle_convert.errors import Refusal
from muggle_convert.families import FAMILIES
from muggle_convert.families.shared.published import Published

OWN_TABLE = "MUGGLE_CONVERT_ZOO"  # names a JSON file with a list of entries, which come first
MOST_BYTES = 4 << 20  # of that file
LONGEST_TEXT = 1000
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})$")  # torch.hub's convention: the first digits of the file's SHA-256
COMMERCIAL = frozenset(  # licences that allow commercial use; one that is not among them may or may not
    ("apache-2.0", "mit", "isc", "zlib", "unlicense", "cc0-1.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0",
     "mpl-2.0", "lgpl-3.0", "gpl-3.0", "agpl-3.0")
)  # fmt: skip

_KINDS = {  # in the order of the fields
    **dict.fromkeys(("name", "family", "licence", "predicts"), str),
    "million_parameters": int,
    **dict.fromkeys(("url", "repository", "file"), str),
    "size": int,
    "sha256": str,
    "fingerprint": str,
}
_NEEDED = ("name", "family", "licence", "predicts", "million_parameters")


@dataclass(frozen=True)
class Entry(Published):
    """One published checkpoint, and the family it is of."""

    family: str = ""

    @property
    def place(self) -> str:
        return self.url or f"{self.repository}: {self.file}"

    @property
    def file_name(self) -> str:
        """The local name of the file: the entry's name with the original suffix."""
        return self.name + Path(self.url or self.file or "").suffix

    @property
    def hash_prefix(self) -> str | None:
        """The known beginning of the file's SHA-256."""
        match = _HASH_IN_NAME.search(self.name)
        return self.sha256 or (match[1] if match else None)

    @property
    def is_commercial(self) -> bool:
        """Whether the licence is known to allow commercial use, which an unknown one is not."""
        return self.licence in COMMERCIAL

    @property
    def is_non_commercial(self) -> bool:
        return "-nc" in self.licence


def entries() -> list[Entry]:
    """All known checkpoints, the user's own first; those replace built-in ones of the same name."""
    own = os.environ.get(OWN_TABLE)
    built_in = (Entry(**vars(published), family=family.name) for family in FAMILIES for published in family.published)
    found: dict[str, Entry] = {}
    for entry in (*(_read(Path(own)) if own else ()), *built_in):
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


def published_name(checkpoint: Checkpoint) -> str | None:
    """The file name of the entry with this fingerprint, whatever the file at hand is called; no tensor is read.

    None if there is no such entry, or if the container promises no checksums.
    """
    fingerprint = promised_fingerprint(checkpoint)
    return next((entry.file_name for entry in entries() if fingerprint is not None and entry.fingerprint == fingerprint), None)


class _Wrong(Exception):
    """What is wrong with a table."""


def _read(table: Path) -> list[Entry]:
    try:
        rows = json.loads(read_small(table, MOST_BYTES).decode("utf-8"))
        if not isinstance(rows, list):
            raise _Wrong("it is not a list of entries")
        return [_entry(number, row) for number, row in enumerate(rows, 1)]
    except OSError as problem:
        reason = problem.strerror or "it cannot be read"
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except json.JSONDecodeError as problem:
        reason = f"it is not JSON from line {problem.lineno}, column {problem.colno}"
    except RecursionError:
        reason = "it is nested too deeply"
    except _Wrong as problem:
        reason = str(problem)
    except ValueError:
        reason = "it holds a number that is too long"
    raise Refusal(f"{printable(table)} is not a table of checkpoints, such as `muggle-convert zoo --json` prints: {reason}.")


def _is_address(url: str) -> bool:
    """In the letters that addresses have; others are written as %C3%A4."""
    try:
        return re.fullmatch(r"https?://[^\s/]+/\S+", url, re.ASCII) is not None and url.isascii() and bool(urlsplit(url).hostname)
    except ValueError:  # brackets that hold no address
        return False


def _entry(number: int, row: object) -> Entry:
    if not isinstance(row, dict):
        raise _Wrong(f"entry {number} is not an object")
    for key, value in row.items():
        if key not in _KINDS:
            raise _Wrong(f"entry {number} has {printable(key)}, which is not one of {', '.join(_KINDS)}")
        is_absent = value is None and key not in _NEEDED
        if not is_absent and (not isinstance(value, _KINDS[key]) or isinstance(value, bool)):
            raise _Wrong(f"{key} of entry {number} is not {'a whole number' if _KINDS[key] is int else 'a text'}")
        if isinstance(value, str) and (not value.isprintable() or len(value) > LONGEST_TEXT):
            raise _Wrong(f"{key} of entry {number} is {printable(value)}, which is no line that can be shown")
    if missing := [key for key in _NEEDED if key not in row]:
        raise _Wrong(f"entry {number} has no {missing[0]}")
    made = Entry(**row)
    if re.fullmatch(r"\w[\w.-]*", made.name) is None:
        raise _Wrong(f"{printable(made.name)} is not a plain name")
    if bool(made.url) == bool(made.repository) or bool(made.repository) != bool(made.file):
        raise _Wrong(f"{made.name} needs a url, or a repository and a file")
    if made.url and not _is_address(made.url):
        raise _Wrong(f"the url of {made.name} is not an http or https address of a file")
    if made.sha256 is not None and re.fullmatch(r"[0-9a-f]{64}", made.sha256) is None:
        raise _Wrong(f"the sha256 of {made.name} is not 64 digits of 0-9 and a-f")
    return made
