"""What stands in for a module's `forward`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from model_defs.fast import choosing
from model_defs.fast.memory import sharing

Suits: TypeAlias = "Callable[[Tensor], bool]"


class Kernel:
    """What stands in for a module's `forward`. It holds its module weakly, so that a network that is let go is freed at once."""

    def __init__(self, module: nn.Module, suits: Suits, function: Callable[..., Tensor | None], tries: bool) -> None:
        self.module = weakref.ref(module)
        self.suits = suits
        self.function = function
        self.tries = tries  # whether the way that is faster is taken, or this one wherever it suits
        self.forget()

    def __call__(self, value: Tensor, *more: Any, **named: Any) -> Tensor:
        module = self.module()
        assert module is not None, "a module's kernel is called by the module"
        if not named and self.suits(value) and (not self.tries or self._is_faster(module, value, *more)):
            result = self.function(module, value, *more)
            if result is not None:
                return result
        plain: Tensor = type(module).forward(module, value, *more, **named)
        return plain

    def _is_faster(self, module: nn.Module, value: Tensor, *more: Any) -> bool:
        if not is_timed(value):
            return True
        case = (value.shape, torch.get_num_threads(), *(one.shape if isinstance(one, Tensor) else one for one in more))
        if case not in self._faster:
            if is_watched(module):  # by hooks, which would be called for every try
                return False
            described = choosing.described(self.function.__name__, module, (value, *more), self._results is not None)
            fast, plain = partial(self.function, module, value, *more), partial(type(module).forward, module, value, *more)
            self._faster[case] = choosing.decide(described, fast, plain)
        return self._faster[case]

    def keep(self, sources: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> None:
        """Until anything else takes the place of a source, or of its values."""
        self.forget()
        self._sources, self._values = sources, tuple(sharing(source) for source in sources)
        self._results: tuple[Tensor, ...] | None = results

    def kept(self, sources: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if self._results is None:
            return None
        for source, before, values in zip(sources, self._sources, self._values, strict=True):
            if source is not before or not source.is_inference() or source.data_ptr() != values.data_ptr():
                return None
        return self._results

    def forget(self) -> None:
        self._sources, self._values, self._results = (), (), None
        self._faster: dict[tuple[object, ...], bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy belongs to the copy of the module, and keeps nothing of this one's."""
        return _unplaced, (self.suits, self.function, self.tries), self.module()

    def __setstate__(self, module: nn.Module) -> None:
        self.module = weakref.ref(module)


def _unplaced(suits: Suits, function: Callable[..., Tensor | None], tries: bool) -> Kernel:
    kernel = Kernel.__new__(Kernel)
    kernel.suits, kernel.function, kernel.tries = suits, function, tries
    kernel.forget()
    return kernel


def installed(network: nn.Module) -> Iterator[tuple[nn.Module, Kernel]]:
    for module in network.modules():
        kernel = vars(module).get("forward")
        if isinstance(kernel, Kernel):
            yield module, kernel


def is_timed(value: Tensor) -> bool:
    """Whether a call ends when its work is done, and runs for the sake of its result alone: elsewhere a clock tells nothing."""
    return value.device.type == "cpu" and in_inference()


def in_inference() -> bool:
    """Whether nothing follows the computation: no gradients, no tracing, no compiler."""
    followed = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
    return not followed and not torch.is_autocast_enabled("cpu")


def is_watched(module: nn.Module) -> bool:
    """Whether anybody is told of calls of a module or of what is in it."""
    everywhere = torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks
    return any(everywhere) or any(one._forward_hooks or one._forward_pre_hooks for one in module.modules())
