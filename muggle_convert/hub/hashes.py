"""The SHA-256 of files, computed once for each state of a file and kept for later."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from muggle_convert.hub.locate import cache_folder


def sha256_of(path: Path) -> str:
    """The hash of a file; from the notes of an earlier call where the file has not changed since."""
    status = path.stat()
    state = f"{path.resolve()}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
    notes = cache_folder() / "sha256.json"
    known = _read(notes)
    if state not in known:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(4 << 20):
                digest.update(chunk)
        known[state] = digest.hexdigest()
        _write(notes, known)
    return known[state]


def _read(notes: Path) -> dict[str, str]:
    try:
        known = json.loads(notes.read_text())
        return {str(state): str(digest) for state, digest in known.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(notes: Path, known: dict[str, str]) -> None:
    """Notes that cannot be kept only cost the hash again."""
    try:
        notes.parent.mkdir(parents=True, exist_ok=True)
        partial = notes.with_suffix(".part")
        partial.write_text(json.dumps(dict(list(known.items())[-1000:])))
        partial.replace(notes)
    except OSError:
        pass
