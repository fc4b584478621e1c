"""What somebody holds in memory as a `Checkpoint`: a dictionary of tensors, or whatever `torch.load` returned."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from muggle_convert.checkpoints.checkpoint import Checkpoint, FileStamp, Record
from muggle_convert.checkpoints.pickle_values import Global, Inert, Pairs, Storage, Tensor, Unsupported, Value
from muggle_convert.checkpoints.torch_globals import DTYPES, PLAIN_CLASSES
from muggle_convert.checkpoints.unwrap import LeaveOut, unwrap
from muggle_convert.errors import Refusal, about

KNOWN_TYPES = {getattr(torch, name): dtype for name, dtype in DTYPES.items() if hasattr(torch, name)}
DEEPEST = 32  # containers in each other
CALLED = "the dictionary of tensors"


def held(
    given: Mapping[Any, Any],
    state: str | None = None,
    leave_out: LeaveOut = lambda name: None,
    called: str = CALLED,
    metadata: Mapping[str, str] | None = None,
) -> Checkpoint:
    """As if it were in a file. Nothing is copied until a tensor is read, from whatever device it is on."""
    collecting = _Collecting()
    root = collecting.value(given, DEEPEST)
    collecting.find_records(Path(called))
    try:
        parts = unwrap(root, state, leave_out)
    except Refusal as problem:
        raise Refusal(about(called, str(problem))) from None
    return Checkpoint(Path(called), "dictionary", metadata=metadata or {}, **vars(parts))


class _Collecting:
    """Values as the readers of files have them; what is one tensor under two names has one storage."""

    def __init__(self) -> None:
        self.tensors: dict[object, tuple[Tensor, torch.Tensor]] = {}

    def value(self, given: Any, depth: int) -> Value:
        if isinstance(given, torch.Tensor):
            return self._tensor(given)
        if isinstance(given, (Namespace, SimpleNamespace)):
            given = vars(given)
        if isinstance(given, torch.nn.Module):
            given = given.state_dict()
        if isinstance(given, (Mapping, list, tuple)) and not depth:
            return Inert(Global(type(given).__module__, type(given).__qualname__))
        if isinstance(given, Mapping):
            return Pairs([(key, self.value(child, depth - 1)) for key, child in _with_tensors(given).items()])
        if isinstance(given, (list, tuple)):
            children = [self.value(child, depth - 1) for child in given]
            return children if isinstance(given, list) else tuple(children)
        if isinstance(given, np.generic):
            return given.item()
        if isinstance(given, (PurePath, torch.device, torch.dtype)):
            return str(given)
        if given is None or type(given) in (bool, int, float, str, bytes):
            return given
        return Inert(Global(type(given).__module__, type(given).__qualname__))

    def find_records(self, place: Path) -> None:
        """Each tensor is a record of its own, and all together are as large as their file would be."""
        stamp = FileStamp(0, 0, sum(tensor.nbytes for _, tensor in self.tensors.values()), 0)
        for value, tensor in self.tensors.values():
            memory = partial(_bytes_of, tensor)
            value.storage.record = Record(place, value.storage.key, 0, tensor.nbytes, tensor.nbytes, stamp=stamp, memory=memory)

    def _tensor(self, tensor: torch.Tensor) -> Tensor | Unsupported:
        if (why := _no_view_of_bytes(tensor)) is not None:
            return Unsupported(why)
        same: object = (
            (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.device) if tensor.numel() else object()
        )
        if same not in self.tensors:
            dtype = KNOWN_TYPES[tensor.dtype]
            storage = Storage(str(len(self.tensors)), dtype.code, dtype, tensor.element_size(), tensor.numel())
            self.tensors[same] = Tensor(storage, dtype, 0, tuple(tensor.shape), None), tensor.detach()
        return self.tensors[same][0]


def _with_tensors(given: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A dictionary of nothing but arrays holds weights, too."""
    if given and all(isinstance(child, np.ndarray) and child.dtype.kind in "fiub" for child in given.values()):
        return {key: torch.from_numpy(np.ascontiguousarray(child)).reshape(child.shape) for key, child in given.items()}
    return given


def _no_view_of_bytes(tensor: torch.Tensor) -> str | None:
    kind = type(tensor)
    if f"{kind.__module__}.{kind.__qualname__}" not in PLAIN_CLASSES:
        return f"a tensor of the class {kind.__module__}.{kind.__qualname__}"
    if tensor.is_meta:
        return "a tensor on the meta device (without values)"
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return "a quantised tensor" if tensor.is_quantized else "a sparse tensor"
    return None if tensor.dtype in KNOWN_TYPES else f"a tensor of {tensor.dtype}, an element type that is not supported"


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    """In row-major order."""
    plain = tensor.resolve_conj().resolve_neg().cpu().contiguous()
    elements: Any = plain.reshape(-1).view(torch.uint8).numpy()
    return memoryview(elements)
