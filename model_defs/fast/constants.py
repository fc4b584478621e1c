"""Tensors that refuse to be written to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from model_defs.fast.memory import sharing


class Constant(Tensor):
    """A tensor of a frozen network, which refuses to be written to, and so do its `data`, what `detach()` gives, and NumPy's view of it.

    It is also an inference tensor, so that torch itself objects where its memory is reached in other ways, such as through a slice.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # what is computed from constants is none
    learned: bool | None = None  # whether it required gradients; None: it is no parameter

    @classmethod
    def of(cls, tensor: Tensor, copied: bool) -> Constant:
        value = tensor.detach().clone() if copied else sharing(tensor)
        if not isinstance(tensor, nn.Parameter):
            return value.as_subclass(cls)
        constant = ConstantParameter(value, requires_grad=False)
        constant.learned = tensor.requires_grad
        return constant

    def ordinary(self, value: Tensor) -> Tensor:
        """What this was before, with this value."""
        return value if self.learned is None else nn.Parameter(value, self.learned)

    @property
    def data(self) -> Tensor:
        return self.as_subclass(Constant)

    @data.setter
    def data(self, value: Tensor) -> None:
        """What moving and casting a network do: from here on this is no constant."""
        if value is not self:
            with torch.inference_mode(False):
                torch.utils.swap_tensors(self, self.ordinary(sharing(value)))

    def detach(self) -> Tensor:
        return self.data

    def numpy(self, *, force: bool = False) -> Any:
        array = super().numpy(force=force)
        array.flags.writeable = False
        return array

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            with torch.inference_mode(False):
                memo[id(self)] = self.ordinary(sharing(self).clone())
        copied: Tensor = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: object) -> Any:
        with torch.inference_mode(False):
            return self.ordinary(sharing(self)).__reduce_ex__(protocol)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Constant containing:\n{self.view_as(self)!r}"


class ConstantParameter(Constant, nn.Parameter):
    """The same where a module looks for a parameter."""


def _refuse(constant: Constant, *_: object, **__: object) -> None:
    raise RuntimeError("this tensor is a constant of a frozen network; call model_defs.fast.thaw(network) before writing to it")


HARMLESS = {"requires_grad_", "share_memory_", "detach_"}  # these change no value
for method in dir(Tensor):
    is_named_as_writing = method.endswith("_") and not method.endswith("__") and method not in HARMLESS
    if is_named_as_writing or method == "__setitem__" or (method.startswith("__i") and hasattr(int, f"__{method[3:]}")):
        setattr(Constant, method, _refuse)
