"""Beginning what others work on a few pieces before its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

AHEAD = 4  # pieces that are begun before their turn

Piece = TypeVar("Piece")
Begun = TypeVar("Begun")


def ahead(pieces: Iterable[Piece], begin: Callable[[Piece], Begun]) -> Iterator[tuple[Piece, Begun]]:
    """Every piece with what beginning it returned, in order."""
    coming: deque[tuple[Piece, Begun]] = deque()
    for piece in pieces:
        coming.append((piece, begin(piece)))
        if len(coming) > AHEAD:
            yield coming.popleft()
    yield from coming
