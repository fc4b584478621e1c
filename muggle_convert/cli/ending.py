"""Being asked to end, by a scheduler or by a terminal that closes: as with Ctrl-C, what is half written goes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__)  # Windows has but one


class Ended(BaseException):
    """Somebody asked for the end; like `KeyboardInterrupt`, nothing that handles errors handles this."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number  # as shells have it


@contextmanager
def ending_in_order() -> Iterator[None]:
    """A signal that would have killed raises `Ended` instead; a second one kills. What was set otherwise, as by nohup, stays."""
    before = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in before:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in before:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Ended(number)
