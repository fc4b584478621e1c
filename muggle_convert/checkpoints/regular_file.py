"""Opening what somebody named, where only a file will do: a named pipe would keep whoever opens it waiting, and a device has no end."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path


def open_regular(path: Path) -> FileIO:
    """A file, or one that links lead to, open for reading without a buffer; an `OSError` where there is something else."""
    mode = path.stat().st_mode  # before opening, as a pipe would not return from that
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return open(path, "rb", buffering=0)


def read_small(path: Path, most: int) -> bytes:
    """All of a file that has no reason to be large; an `OSError` where it is."""
    with open_regular(path) as file:
        raw = file.read(most + 1)
        while raw and len(raw) <= most and (more := file.read(most + 1 - len(raw))):
            raw += more
    if len(raw) > most:
        raise OSError(errno.EFBIG, f"it takes more than the {most:,} bytes that are allowed")
    return raw
