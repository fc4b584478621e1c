"""Starting work on a few items before their turn, while other threads do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

IN_FLIGHT = 4  # items started before their turn

Item = TypeVar("Item")
Started = TypeVar("Started")


def prefetched(items: Iterable[Item], start: Callable[[Item], Started]) -> Iterator[tuple[Item, Started]]:
    """Every item with what starting it returned, in order."""
    waiting: deque[tuple[Item, Started]] = deque()
    for item in items:
        waiting.append((item, start(item)))
        if len(waiting) > IN_FLIGHT:
            yield waiting.popleft()
    yield from waiting
