"""The cache folder: where downloads are kept, and the SHA-256 of large files is remembered."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints.fingerprint import sha256_of
from muggle_convert.checkpoints.regular_file import read_small
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.files.target import make_folder

MOST_BYTES = 8 << 20  # of notes, which begin anew where they grow beyond it
_SHA256 = re.compile(r"[0-9a-f]{64}")


def cache_folder() -> Path:
    """Beside the Hub's own cache, where people look for downloaded weights."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "muggle-convert"


def cached_sha256_of(path: Path) -> str:
    """The hash of a file; remembered from an earlier call if the file has not changed since, even under another name."""
    status = path.stat()
    state = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    notes = cache_folder() / "sha256.json"
    known = _read(notes)
    if state not in known:
        known[state] = sha256_of(path)
        _write(notes, known)
    return known[state]


def read_notes(path: Path) -> dict[str, Any]:
    """What this program noted for itself; nothing, where somebody else wrote it so that it cannot be read."""
    try:
        return parse_object(read_small(path, MOST_BYTES))
    except (OSError, Refusal):
        return {}


def _read(notes: Path) -> dict[str, str]:
    return {state: digest for state, digest in read_notes(notes).items() if isinstance(digest, str) and _SHA256.fullmatch(digest)}


def _write(notes: Path, known: dict[str, str]) -> None:
    """Notes that cannot be written only mean that the hash is computed again."""
    with suppress(Refusal):
        make_folder(notes.parent)
        with replacing(notes) as partial:
            partial.write_text(json.dumps(dict(list(known.items())[-1000:])))
