"""Files that another file names, which lie in its folder: a stranger may have chosen the names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.errors import Refusal


def beside(file: Path, name: str, what: str) -> Path:
    """The path of a file that may be named; whether it exists is for whoever opens it."""
    if name in ("", ".", "..") or any(character in name for character in "/\\\0:"):
        raise Refusal(f"names the {what} {printable(name)!r}, which is not the plain name of a file in its folder")
    path = file.parent / name
    _refuse_link_outside(path, what)
    return path


def _refuse_link_outside(path: Path, what: str) -> None:
    try:
        there = leads_outside(path)
    except (OSError, RuntimeError):
        raise Refusal(f"names the {what} {printable(path.name)}, which is not in its folder") from None
    if there is not None:
        raise Refusal(f"names the {what} {printable(path.name)}, a link that leads out of its folder to {printable(there)}")


def leads_outside(path: Path) -> Path | None:
    """Where a link leads that points neither into its own folder nor to the blobs of the Hugging Face cache that the folder belongs to."""
    if not stat.S_ISLNK(os.lstat(path).st_mode):
        return None
    folder = path.parent.resolve()
    target = path.resolve()
    caches = [above.parent / "blobs" for above in folder.parents if above.name == "snapshots"]
    return None if any(target.is_relative_to(place) for place in (folder, *caches)) else target
