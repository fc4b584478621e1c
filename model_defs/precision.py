"""Single precision where it has to be: what cards would round unless they are told not to, and what half precision cannot hold.

Graphics cards multiply float32 with 10 bits instead of 23 in convolutions. That is torch's default, and it makes predictions wrong by 5e-3
to 1e-1 standard deviations, of which nobody is told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_lock = threading.Lock()
_inside = 0  # calls under way, of all threads: the settings are the whole process's
_before: list[Any] = []


@contextmanager
def exact_float32() -> Iterator[None]:
    """Products of float32 are computed in float32 meanwhile; afterwards torch's settings are what they were."""
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _before[:] = [getattr(backend, setting) for backend, setting, _ in SETTINGS]
            _set([exact for _, _, exact in SETTINGS])
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_before)


def kept_in_float32(network: nn.Module) -> frozenset[str]:
    """Tensors that stay in float32 when a network is put into half precision: those of batch norms, whose statistics span a range that half
    precision does not, and of every part that says `keeps_float32`."""
    kept = [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) or getattr(module, "keeps_float32", False)
    ]
    return frozenset(f"{name}.{tensor}".lstrip(".") for name, module in kept for tensor in module.state_dict())


def as_weights(part: nn.Module, tensor: Tensor) -> Tensor:
    """In the type of a part's weights, which may have kept float32 where the tensor comes from a part in half precision, or the other way round."""
    return tensor.to(next(part.parameters()).dtype)


def _set(values: list[Any]) -> None:
    for (backend, setting, _), value in zip(SETTINGS, values, strict=True):
        setattr(backend, setting, value)


def _settings() -> list[tuple[Any, str, Any]]:
    """Of each backend the setting, and its value where products are exact; torch does not let old and new names be mixed."""
    if hasattr(torch.backends.cudnn, "conv"):
        backends = torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul
        return [(backend, "fp32_precision", "ieee") for backend in backends]
    return [(torch.backends.cudnn, "allow_tf32", False), (torch.backends.cuda.matmul, "allow_tf32", False)]


SETTINGS = _settings()
