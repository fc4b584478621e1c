"""The pickle in a file of torch.save: a state dict, spelled out by hand, so that writing one does not need torch.

The program is the shortest that torch.load(weights_only=True) runs: an OrderedDict of calls to _rebuild_tensor_v2, each of a
storage named by its key. "PEP 3154" and the comments in CPython's pickletools explain the instructions.
"""

from __future__ import annotations

from collections.abc import Iterable

from muggle_convert.checkpoints import NamedTensor, printable
from muggle_convert.checkpoints.torch_globals import STORAGES
from muggle_convert.errors import Refusal

STORAGE_OF = {dtype: storage for storage, dtype in STORAGES.items() if storage != "UntypedStorage"}

PROTOCOL_2 = b"\x80\x02"
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"  # find the class, no arguments, call it
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
MARK, TUPLE, CALL, PERSISTENT, NEW_FALSE, SET_ITEMS, STOP, DICT = b"(", b"t", b"R", b"Q", b"\x89", b"u", b".", b"}"


def state_dict_pickle(tensors: Iterable[tuple[NamedTensor, str]], wrap: str | None = None) -> bytes:
    """Each tensor comes with the key of the storage that it fills; tensors with equal keys share one. `wrap` is the key of the whole."""
    items = b"".join(_text(tensor.name) + _tensor(tensor, key) for tensor, key in tensors)
    state_dict = ORDERED_DICT + MARK + items + SET_ITEMS
    if wrap is not None:
        state_dict = DICT + MARK + _text(wrap) + state_dict + SET_ITEMS
    return PROTOCOL_2 + state_dict + STOP


def _tensor(tensor: NamedTensor, key: str) -> bytes:
    if tensor.dtype not in STORAGE_OF:
        raise Refusal(
            f"{printable(tensor.name)} is {tensor.dtype.code}, for which torch files have no storage; write .safetensors instead."
        )
    storage_class = f"ctorch\n{STORAGE_OF[tensor.dtype]}\n".encode()
    storage = MARK + _text("storage") + storage_class + _text(key) + _text("cpu") + _number(tensor.count) + TUPLE + PERSISTENT
    strides = [1]
    for side in reversed(tensor.shape[1:]):
        strides.insert(0, strides[0] * max(side, 1))
    shape, stride = _numbers(tensor.shape), _numbers(strides[: len(tensor.shape)])
    return REBUILD + MARK + storage + _number(0) + shape + stride + NEW_FALSE + ORDERED_DICT + TUPLE + CALL


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"X" + len(raw).to_bytes(4, "little") + raw


def _numbers(values: Iterable[int]) -> bytes:
    return MARK + b"".join(map(_number, values)) + TUPLE


def _number(value: int) -> bytes:
    if value < 1 << 31:
        return b"J" + value.to_bytes(4, "little")
    return b"\x8a\x08" + value.to_bytes(8, "little")
