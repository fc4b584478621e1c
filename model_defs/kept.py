"""What follows from a network's parameters alone, computed once for inference instead of once for every image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Results = tuple[Tensor, ...]


class Kept:
    """The result of a computation, for as long as nothing it came from has changed.

    Names and values of the parameters stay what the file says. Nothing is kept with gradients, while a graph is captured, or for
    tensors that only stand in for a network's own. torch does not count what is written through `.data`, as averages of weights
    often are; on a CPU such a change shows where it changes the first element of a source.
    """

    def __init__(self) -> None:
        self._states: list[tuple[object, ...]] = []
        self._storages: list[torch.UntypedStorage] = []
        self._results: Results = ()

    def __call__(self, compute: Callable[[], Results], *sources: Tensor) -> Results:
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or not isinstance(sources[0], nn.Parameter):
            return compute()
        if any(source.is_inference() or source.is_meta for source in sources):  # do not count their changes, or have no values
            return compute()
        states = [_state(source) for source in sources]
        if states != self._states:
            self._results = compute()
            # Held, so that no other tensor can come to lie where one of these was.
            self._storages = [source.untyped_storage() for source in sources]
            self._states = states
        return self._results

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        """A copy of a network has parameters of its own, and keeps nothing of this one's."""
        return Kept, ()


def _state(source: Tensor) -> tuple[object, ...]:
    """What differs after a change. Elsewhere than on a CPU, looking at an element means waiting for the device."""
    first = source.as_strided((), ()).item() if source.device.type == "cpu" else None
    return source.data_ptr(), source._version, source.dtype, first
