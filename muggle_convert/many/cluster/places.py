"""Files by URL, wherever fsspec reaches: a path of this machine, s3://, gs://, http://."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
from fsspec.implementations.local import LocalFileSystem

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.files.target import make_folder


def located(url: str) -> tuple[Any, str]:
    """The file system, and the path in it."""
    try:
        system, path = fsspec.core.url_to_fs(url)
    except Exception as problem:  # a library for each kind of place, and as many kinds of failure
        raise Refusal(
            f"{printable(url)} cannot be reached ({printable(' '.join(str(problem).split()))}); install what reaches it on every machine."
        ) from None
    return system, str(path)


def in_full(url: str) -> str:
    """The same place always in the same words, also where it was given as a path."""
    system, path = located(url)
    return str(system.unstrip_protocol(path))


def is_folder(url: str) -> bool:
    system, path = located(url)
    return bool(system.isdir(path))


def found_in(folder: str) -> list[str]:
    """Every file below a folder, by its path from there."""
    system, path = located(folder)
    system.invalidate_cache()  # a process that lives long must see what others wrote
    start = len(path.rstrip("/")) + 1
    return sorted(file[start:] for file in system.find(path)) if system.exists(path) else []


def matching(pattern: str) -> list[str]:
    """The URLs that a pattern with * stands for."""
    system, path = located(pattern)
    return [system.unstrip_protocol(file) for file in sorted(system.glob(path))]


def below(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def name_of(url: str) -> str:
    return unquote(url.rstrip("/").rpartition("/")[2])


def read_file(url: str) -> bytes:
    system, path = located(url)
    return bytes(system.cat_file(path))


def write_file(url: str, content: bytes) -> None:
    """Whole or not at all, as object stores do anyway."""
    system, path = located(url)
    if not isinstance(system, LocalFileSystem):
        system.pipe_file(path, content)
        return
    make_folder(Path(path).parent)
    with replacing(Path(path)) as part:
        part.write_bytes(content)


def remove_file(url: str) -> None:
    system, path = located(url)
    system.rm_file(path)
