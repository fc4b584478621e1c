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
    """A link may only point into its own folder, or to the blobs of the Hugging Face cache that the folder belongs to."""
    try:
        if not stat.S_ISLNK(os.lstat(path).st_mode):
            return
        folder = path.parent.resolve()
        target = path.resolve()
    except (OSError, RuntimeError):
        raise Refusal(f"names the {what} {printable(path.name)}, which is not in its folder") from None
    caches = [above.parent / "blobs" for above in folder.parents if above.name == "snapshots"]
    if not any(target.is_relative_to(place) for place in (folder, *caches)):
        raise Refusal(f"names the {what} {printable(path.name)}, a link that leads out of its folder to {printable(target)}")
