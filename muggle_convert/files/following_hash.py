"""The SHA-256 of a file that others are still writing."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from threading import Condition

CHUNK = 1 << 20


class FollowingHash:
    """Hashes a file from its beginning as it is being written, whatever the order of the writes."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read  # a number of bytes from a position
        self._size = size
        self._there = 0  # bytes written without a gap from the beginning
        self._beyond: list[tuple[int, int]] = []  # a heap of the ranges after the first gap, as begin and end
        self._changed = Condition()
        self._abandoned = False

    def wrote(self, begin: int, end: int) -> None:
        with self._changed:
            heapq.heappush(self._beyond, (begin, end))
            while self._beyond and self._beyond[0][0] <= self._there:
                self._there = max(self._there, heapq.heappop(self._beyond)[1])
            self._changed.notify()

    def abandon(self) -> None:
        """The file will never be whole."""
        with self._changed:
            self._abandoned = True
            self._changed.notify()

    def sha256(self) -> str:
        """Waits until the file is complete; for an abandoned one, the hash of what had been written."""
        digest = hashlib.sha256()
        done = 0
        while done < self._size:
            with self._changed:
                while self._there == done and not self._abandoned:
                    self._changed.wait()
                if self._abandoned:
                    break
                there = self._there
            part = self._read(done, min(CHUNK, there - done))
            digest.update(part)
            done += len(part)
        return digest.hexdigest()
