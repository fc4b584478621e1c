"""The file that a download grows in, which one process at a time may write."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal


@contextmanager
def part(path: Path) -> Iterator[IO[bytes]]:
    """The file, to write at its end; it goes again where nothing arrived."""
    with open(path, "ab") as file:
        _lock(file, path)
        try:
            yield file
        finally:
            file.flush()
            if _is(file, path) and path.stat().st_size == 0:
                path.unlink()


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_free = False
    except OSError:  # some network file systems have no locks
        is_free = True
    else:
        is_free = _is(file, path)  # or it was finished between opening and locking, and has its name now
    if not is_free:
        raise Refusal(f"{printable(path)} is being written by another download; wait until it is done.")


def _is(file: IO[bytes], path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
