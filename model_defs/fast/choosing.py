"""Which of two ways to compute the same is faster here, for a shape: tried when the shape is first seen, and kept.

`MUGGLE_CONVERT_KERNELS` pins it: `plain` leaves all kernels out, `fast` takes each wherever it suits, `auto` (as without it) tries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

SWITCH = "MUGGLE_CONVERT_KERNELS"
FEWEST, ROUNDS, ENOUGH = (
    3,
    7,
    0.1,
)  # tries of each way, and seconds after which the fewest are enough: the shortest counts, as others were interrupted
EQUAL = 1.02  # a kernel so many times as slow is still taken, for most of them save memory, too


@dataclass(frozen=True)
class Decision:
    """How long both ways took, in seconds."""

    fast: float
    plain: float

    @property
    def is_fast(self) -> bool:
        return self.fast < EQUAL * self.plain


_decided: dict[str, Decision] = {}


def decisions() -> Mapping[str, Decision]:
    """Everything that was found out or remembered, by kernel, weights, input and threads."""
    return MappingProxyType(_decided)


def remember(known: Mapping[str, Decision]) -> None:
    """What was found out on this processor before."""
    _decided.update(known)


def mode() -> str:
    chosen = os.environ.get(SWITCH) or "auto"
    if chosen not in ("plain", "fast", "auto"):
        raise ValueError(f"{SWITCH} is {chosen!r}; expected plain, fast or auto")
    return chosen


def decide(case: str, fast: Callable[[], Tensor | None], plain: Callable[[], Tensor]) -> bool:
    """Whether the fast way is the faster one. The first run of each prepares what later ones find ready."""
    if case not in _decided:
        if fast() is None:
            return False  # it does not suit after all, whatever the time
        plain()
        tries = [(_seconds(fast), _seconds(plain)) for _ in range(FEWEST)]
        while len(tries) < ROUNDS and sum(map(sum, tries)) < ENOUGH:
            tries.append((_seconds(fast), _seconds(plain)))
        _decided[case] = Decision(*map(min, zip(*tries, strict=True)))
    return _decided[case].is_fast


def described(name: str, module: nn.Module, inputs: tuple[object, ...], is_frozen: bool) -> str:
    """All that the time depends on, in words."""
    weights = [tuple(tensor.shape) for tensor in module.parameters()]
    sizes = [tuple(value.shape) if isinstance(value, Tensor) else value for value in inputs]
    steps = [getattr(module, step) for step in ("stride", "dilation", "groups") if hasattr(module, step)]
    frozen = ", frozen" if is_frozen else ""
    return f"{name} {steps} of {weights} on {sizes}, {torch.get_num_threads()} threads{frozen}"


def _seconds(way: Callable[[], object]) -> float:
    """Of this thread's own work where it does all of it, so that nothing else on the machine counts."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    way()
    return clock() - start
