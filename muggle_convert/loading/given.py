"""From what somebody gives as a checkpoint to what can be read: a path, or a checkpoint that is open already."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Union

from torch import nn

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.checkpoints.held import held
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.unwrap import LeaveOut
from muggle_convert.errors import Refusal
from muggle_convert.identify.asked import Drops

Given = Union[str, os.PathLike[str], BinaryIO, bytes, Mapping[str, Any]]
_BYTES = (bytes, bytearray, memoryview)
CHUNK = 1 << 20
KINDS = "a path, a name on the Hugging Face Hub, zoo:NAME, an open file, the bytes of one, or a dictionary of tensors"


@contextmanager
def readable(given: Given, state: str | None = None, drops: Sequence[str] = ()) -> Iterator[str | Path | Checkpoint]:
    """What is in no file of its own is read while the context lasts; a network that was loaded within it stays."""
    leave_out = Drops(drops).reason
    if isinstance(given, str):
        yield given
    elif isinstance(given, os.PathLike):
        yield Path(given)
    elif isinstance(given, Mapping):
        yield held(given, state, leave_out)
    elif isinstance(given, _BYTES):
        with _written(BytesIO(given), "the file in memory", state, leave_out) as checkpoint:
            yield checkpoint
    elif hasattr(given, "read"):
        if (path := _its_path(given)) is not None:
            yield path
        else:
            called = getattr(given, "name", None) or getattr(given, "path", None)
            with _written(given, Path(called).name if isinstance(called, str) else "the open file", state, leave_out) as checkpoint:
                yield checkpoint
    elif isinstance(given, nn.Module):
        raise Refusal(f"a {type(given).__name__} is a network and not a checkpoint; pass its weights: network.state_dict().")
    else:
        raise Refusal(f"a checkpoint is {KINDS}, not {type(given).__name__}.")


def _its_path(file: Any) -> Path | None:
    """Where an open file lies, if it is still what is there; its name tells something, and so does what is beside it."""
    try:
        path = Path(file.name)
        return path if os.path.samestat(os.fstat(file.fileno()), path.stat()) else None
    except (AttributeError, TypeError, OSError, ValueError):
        return None


@contextmanager
def _written(file: Any, called: str, state: str | None, leave_out: LeaveOut) -> Iterator[Checkpoint]:
    """A file is mapped and read in any order, which a stream is not; it outlives its name for as long as it is mapped."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        try:
            if file.seekable():
                file.seek(0)
            with open(path, "wb") as copy:
                while chunk := file.read(CHUNK):
                    if isinstance(chunk, str):
                        raise Refusal(f"{printable(called)} is open as a text; open it in binary: open(path, 'rb').")
                    copy.write(chunk)
        except (AttributeError, OSError, ValueError) as problem:  # such as a file that is closed
            raise Refusal(f"{printable(called)} cannot be read ({printable(problem)}); open it for reading, in binary.") from None
        try:
            checkpoint = open_checkpoint(path, state, leave_out=leave_out)
        except Refusal as problem:
            raise Refusal(str(problem).replace(printable(path), printable(called))) from None
        yield replace(checkpoint, known_as=called)
