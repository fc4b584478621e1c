"""Opening a file so that any change while it is read is noticed."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import final

from muggle_convert.checkpoints.checkpoint import FileStamp
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.errors import Refusal, about


@final
class SourceFile:
    """A regular file, open for reading. Leaving its `with` block checks that the file has not changed, and adds its name to
    any refusal raised inside."""

    def __init__(self, path: Path, stamp: FileStamp | None = None) -> None:
        self.path = path
        try:
            self._file = open_regular(path)
        except (OSError, ValueError) as problem:
            raise Refusal(f"cannot open {printable(path)}: {reason_of(problem)}") from None
        self.stamp = FileStamp.of(os.fstat(self._file.fileno()))
        self.size = self.stamp.size
        if stamp is not None and stamp != self.stamp:
            self._file.close()
            raise Refusal(f"{printable(path)} changed after it was first read; start again once nothing writes to it")

    def fileno(self) -> int:
        return self._file.fileno()

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill the buffer from the given offset, or refuse; there are no short reads."""
        self._file.seek(offset)
        done = 0
        while done < len(buffer):
            count = self._file.readinto(buffer[done:])
            if not count:
                raise Refusal(
                    f"the file ends at byte {offset + done}, {len(buffer) - done} bytes too early; it is cut off or has been changed"
                )
            done += count

    def read(self, offset: int, count: int) -> bytes:
        buffer = bytearray(count)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def refuse_if_changed(self) -> None:
        if FileStamp.of(os.fstat(self._file.fileno())) != self.stamp:
            raise Refusal("the file changed while it was read; start again once nothing writes to it")

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if problem is None:
                self.refuse_if_changed()
        except Refusal as changed:
            problem = changed
        finally:
            self._file.close()
        if isinstance(problem, (Refusal, OSError)):
            raise Refusal(about(printable(self.path), reason_of(problem))) from None


def reason_of(problem: BaseException) -> str:
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else str(problem)
