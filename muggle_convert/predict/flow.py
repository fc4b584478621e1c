"""Many things through three steps at once: threads prepare some and finish others while the caller's thread does the middle step, in batches.

What waits is bounded, what fails harms nothing else, and what is large goes by itself, one at a time, beside the rest.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from muggle_convert.errors import Refusal

FAILURES = (Refusal, ValueError, RuntimeError, MemoryError, OSError)  # of one thing; torch raises the second and third when memory runs out
PATIENCE = 0.05  # seconds that a batch waits for more of its kind

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Passed = TypeVar("Passed")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Steps(Generic[Item, Ready, Passed, Done]):
    """What is done with each item. Only `pass_on` runs in the caller's thread; the others run in several at once."""

    prepare: Callable[[Item], Ready]
    alike: Callable[[Ready], Hashable]  # what is the same for all of a batch
    together: int  # in a batch, at most
    pass_on: Callable[[Sequence[Ready]], Sequence[Passed]]
    finish: Callable[[Item, Ready, Passed], Done]
    is_large: Callable[[Item], bool] = lambda _: False


def threads() -> int:
    """As many as there are processors for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def flow(items: Iterable[Item], steps: Steps[Item, Any, Any, Done], workers: int | None = None) -> Iterator[tuple[Item, Done | Exception]]:
    """Each item with what became of it, as soon as that is known."""
    workers = workers or max(2, threads())
    with ThreadPoolExecutor(workers, "prepare") as preparing, ThreadPoolExecutor(workers, "finish") as finishing:
        try:
            yield from _Flow(steps, preparing, finishing, most=2 * workers + 4 * steps.together).run(iter(items))
        finally:  # also where somebody interrupts: what has begun is finished, and nothing else begins
            preparing.shutdown(wait=False, cancel_futures=True)
            finishing.shutdown(wait=False, cancel_futures=True)


@dataclass(eq=False)
class _Entry(Generic[Item]):
    item: Item
    is_large: bool = False
    ready: Any = None
    since: float = 0.0


Report = Callable[[], "tuple[Item, Done | Exception] | None"]  # called in the thread of the caller


class _Flow(Generic[Item, Done]):
    """What is under way. Threads report to the caller's, which alone changes anything here."""

    def __init__(self, steps: Steps[Item, Any, Any, Done], preparing: ThreadPoolExecutor, finishing: ThreadPoolExecutor, most: int) -> None:
        self.steps, self.preparing, self.finishing, self.most = steps, preparing, finishing, most
        self.reports: SimpleQueue[Report[Item, Done]] = SimpleQueue()
        self.waiting: dict[Hashable, list[_Entry[Item]]] = {}  # for a batch, by what is alike
        self.large: deque[_Entry[Item]] = deque()  # for their turn
        self.is_large_under_way = False
        self.count = self.unprepared = 0

    def run(self, items: Iterator[Item]) -> Iterator[tuple[Item, Done | Exception]]:
        is_more = True
        while True:
            while is_more and self.count < self.most:
                if (item := next(items, _END)) is _END:
                    is_more = False
                else:
                    self._start(_Entry(item))
            if self.large and not self.is_large_under_way:
                self.is_large_under_way = True
                self._start(self.large.popleft())
            if (batch := self._due()) is not None:
                yield from self._passed_on(batch)
            elif not self.count:
                return
            else:
                with suppress(Empty):
                    report = self.reports.get(timeout=self._patience())
                    if (done := report()) is not None:
                        yield done

    def _start(self, entry: _Entry[Item]) -> None:
        self.count += 1
        self.unprepared += 1
        self.preparing.submit(self._prepare, entry)

    def _prepare(self, entry: _Entry[Item]) -> None:
        try:
            if not entry.is_large and self.steps.is_large(entry.item):
                return self.reports.put(partial(self._put_off, entry))
            entry.ready = self.steps.prepare(entry.item)
            self.reports.put(partial(self._prepared, entry))
        except Exception as problem:
            self.reports.put(partial(self._not_prepared, entry, problem))

    def _put_off(self, entry: _Entry[Item]) -> None:
        self.count -= 1
        self.unprepared -= 1
        entry.is_large = True
        self.large.append(entry)

    def _prepared(self, entry: _Entry[Item]) -> None:
        self.unprepared -= 1
        entry.since = time.monotonic()
        self.waiting.setdefault((entry.is_large, self.steps.alike(entry.ready)), []).append(entry)

    def _not_prepared(self, entry: _Entry[Item], problem: Exception) -> tuple[Item, Exception]:
        self.unprepared -= 1
        return self._done(entry, problem)

    def _due(self) -> list[_Entry[Item]] | None:
        """A batch that is full, or that nothing more can join soon."""
        for kind, entries in self.waiting.items():
            if len(entries) >= self.steps.together or not self.unprepared or time.monotonic() >= entries[0].since + PATIENCE:
                batch, left = entries[: self.steps.together], entries[self.steps.together :]
                if left:
                    self.waiting[kind] = left
                else:
                    del self.waiting[kind]
                return batch
        return None

    def _patience(self) -> float | None:
        """Seconds until the first batch is due; None where only threads can say something new."""
        if not self.waiting:
            return None
        return max(0.0, min(entries[0].since for entries in self.waiting.values()) + PATIENCE - time.monotonic())

    def _passed_on(self, batch: list[_Entry[Item]]) -> Iterator[tuple[Item, Done | Exception]]:
        try:
            passed = self.steps.pass_on([entry.ready for entry in batch])
        except FAILURES as problem:
            if len(batch) == 1:
                yield self._done(batch[0], problem)
            else:  # which of them it was is found out one by one
                for entry in batch:
                    yield from self._passed_on([entry])
            return
        for entry, one in zip(batch, passed, strict=True):
            self.finishing.submit(self._finish, entry, one)

    def _finish(self, entry: _Entry[Item], passed: Any) -> None:
        try:
            ready, entry.ready = entry.ready, None
            self.reports.put(partial(self._done, entry, self.steps.finish(entry.item, ready, passed)))
        except Exception as problem:
            self.reports.put(partial(self._done, entry, problem))

    def _done(self, entry: _Entry[Item], result: Any) -> tuple[Item, Any]:
        self.count -= 1
        self.is_large_under_way = self.is_large_under_way and not entry.is_large
        if isinstance(result, Exception) and not isinstance(result, FAILURES):
            raise result
        return entry.item, result


_END: Any = object()
