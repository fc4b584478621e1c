"""Constants instead of parameters, so that what follows from them is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from model_defs.fast.constants import Constant
from model_defs.fast.convolutions import folded_weights, normalized_convolution, sources, standardized_convolution, standardized_weights
from model_defs.fast.kernel import installed
from model_defs.fast.memory import sharing

# What frozen networks keep.
CONSTANTS: dict[Callable[..., Tensor | None], Callable[[Any], tuple[Tensor, ...]]] = {
    normalized_convolution: folded_weights,
    standardized_convolution: standardized_weights,
}
# Of a convolution with so many weights nothing is kept: to fold them again is a hundredth of its work, and to keep them twice would double the
# memory of the networks that have the most of them.
TOO_MANY = 1 << 20


def freeze(network: nn.Module) -> None:
    """Make constants of a network's parameters and buffers, so that what follows from them is computed once and not for every image.

    Until `thaw` they refuse to be written to, and torch to compute gradients with them. Other parameters may take their place, and the
    network may be moved or cast: what was kept is then not used again. A copy is not frozen.
    """
    kernels = [(one, kernel) for one, kernel in installed(network) if kernel.function in CONSTANTS and sources(one)[0].numel() < TOO_MANY]
    # Nobody else may hold these: whoever wrote to a tensor that shares their memory would change them unnoticed.
    alone = {id(tensor) for module, _ in kernels for tensor in sources(module)}
    constants: dict[int, Constant] = {}  # so that tied parameters stay tied
    with torch.inference_mode():
        for tensors, name, tensor in _tensors(network):
            if not isinstance(tensor, Constant) and not tensor.is_meta:
                if id(tensor) not in constants:
                    constants[id(tensor)] = Constant.of(tensor, copied=id(tensor) in alone)
                tensors[name] = constants[id(tensor)]
        for module, kernel in kernels:
            kernel.keep(sources(module), CONSTANTS[kernel.function](module))


def thaw(network: nn.Module) -> None:
    """Make ordinary parameters of a frozen network's; what was kept is computed for every image again."""
    ordinary: dict[int, Tensor] = {}
    with torch.inference_mode(False):
        for tensors, name, tensor in _tensors(network):
            if isinstance(tensor, Constant):
                tensors[name] = ordinary.setdefault(id(tensor), tensor.ordinary(sharing(tensor)))
    for _, kernel in installed(network):
        kernel.forget()


def _tensors(network: nn.Module) -> Iterator[tuple[dict[str, Any], str, Tensor]]:
    """Every parameter and buffer, and where it is held."""
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    yield tensors, name, tensor
