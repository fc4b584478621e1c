"""The pickle in a file of torch.save: a state dict, spelled out by hand, so that writing one does not need torch.

The program is the shortest that torch.load(weights_only=True) runs: an OrderedDict of calls to _rebuild_tensor_v2, each of a
storage named by its key. "PEP 3154" and the comments in CPython's pickletools explain the instructions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from muggle_convert.checkpoints import DType, printable
from muggle_convert.errors import Refusal
from muggle_convert.rules import Shape

STORAGES = {
    DType.F64: "DoubleStorage", DType.F32: "FloatStorage", DType.F16: "HalfStorage", DType.BF16: "BFloat16Storage",
    DType.I64: "LongStorage", DType.I32: "IntStorage", DType.I16: "ShortStorage", DType.I8: "CharStorage",
    DType.U8: "ByteStorage", DType.BOOL: "BoolStorage", DType.C64: "ComplexFloatStorage",
}  # fmt: skip

PROTOCOL_2 = b"\x80\x02"
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"  # find the class, no arguments, call it
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
MARK, TUPLE, CALL, PERSISTENT, NEW_FALSE, SET_ITEMS, STOP = b"(", b"t", b"R", b"Q", b"\x89", b"u", b"."


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that fills one storage."""

    name: str
    dtype: DType
    shape: Shape
    key: str  # of its storage; tensors with equal keys share it
    count: int


def state_dict_pickle(tensors: Iterable[StoredTensor]) -> bytes:
    items = b"".join(_text(tensor.name) + _tensor(tensor) for tensor in tensors)
    return PROTOCOL_2 + ORDERED_DICT + MARK + items + SET_ITEMS + STOP


def _tensor(tensor: StoredTensor) -> bytes:
    if tensor.dtype not in STORAGES:
        raise Refusal(
            f"{printable(tensor.name)} is {tensor.dtype.code}, for which torch files have no storage; write .safetensors instead."
        )
    storage_class = f"ctorch\n{STORAGES[tensor.dtype]}\n".encode()
    storage = MARK + _text("storage") + storage_class + _text(tensor.key) + _text("cpu") + _number(tensor.count) + TUPLE + PERSISTENT
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
