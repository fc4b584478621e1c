"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to that becomes the target when all went well; so what a later run finds there is finished."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(target)
    except OSError as problem:
        raise Refusal(f"{printable(target)} could not be written: {problem.strerror or 'the disk took only a part of it'}.") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
