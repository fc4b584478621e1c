"""The few names that torch.save writes, and what they stand for. All other names are inert here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from muggle_convert.checkpoints.checkpoint import Record
from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.malicious_names import is_harmful
from muggle_convert.checkpoints.pickle_values import Global, Inert, Pairs, Storage, Tensor, Unsupported, Value, is_key
from muggle_convert.checkpoints.safe_text import printable, shown
from muggle_convert.errors import Refusal

STORAGES: dict[str, DType] = {
    "DoubleStorage": DType.F64, "FloatStorage": DType.F32, "HalfStorage": DType.F16, "BFloat16Storage": DType.BF16,
    "ComplexFloatStorage": DType.C64, "LongStorage": DType.I64, "IntStorage": DType.I32, "ShortStorage": DType.I16, "CharStorage":
    DType.I8, "ByteStorage": DType.U8, "BoolStorage": DType.BOOL, "UntypedStorage": DType.U8,
}  # fmt: skip
STORAGES_WITHOUT_DTYPE = {  # bytes of an element, for types that safetensors lacks
    "ComplexDoubleStorage": 16,
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QInt32Storage": 4,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
}
DTYPES: dict[str, DType] = {
    "float64": DType.F64, "float32": DType.F32, "float16": DType.F16, "bfloat16": DType.BF16, "float8_e4m3fn": DType.F8_E4M3,
    "float8_e5m2": DType.F8_E5M2, "float8_e4m3fnuz": DType.F8_E4M3FNUZ, "float8_e5m2fnuz": DType.F8_E5M2FNUZ, "float8_e8m0fnu":
    DType.F8_E8M0, "complex64": DType.C64, "int64": DType.I64, "int32": DType.I32, "int16": DType.I16, "int8": DType.I8, "uint64":
    DType.U64, "uint32": DType.U32, "uint16": DType.U16, "uint8": DType.U8, "bool": DType.BOOL,
}  # fmt: skip
NO_VIEW_OF_BYTES = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor on the meta device (without values)",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_wrapper_subclass": "a tensor of a subclass without a storage",
    "_rebuild_device_tensor_from_numpy": "a tensor of a foreign device",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of a foreign device",
    "_rebuild_xla_tensor": "a tensor of a foreign device",
}
PLAIN_CLASSES = {"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
STORAGE_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
MOST_DIMENSIONS = 32  # all that NumPy had before its second version
MOST_NAMED = 8
LARGEST = 1 << 62


class TorchGlobals:
    """The functions and storages of one torch file. `find_record` locates the bytes of a storage; None means that this is not
    known yet."""

    def __init__(self, find_record: Callable[[Storage], Record | None]) -> None:
        self.find_record = find_record
        self.storages: dict[str, Storage] = {}
        self.harmful: set[str] = set()
        self.copied = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        names = [printable(name) for name in sorted(self.harmful)[:MOST_NAMED]]
        more = f" and {len(self.harmful) - MOST_NAMED} more" if len(self.harmful) > MOST_NAMED else ""
        said = f"torch.load or pickle would call {', '.join(names)}{more}, as malicious files do; nothing was run here, but do not load this file with anything else."
        return (said,) if names else ()

    def persistent(self, identity: Value) -> Value:
        if type(identity) is not tuple or not identity:
            raise Refusal("its pickle refers to something outside that is not described by a tuple, as torch.save would")
        if identity[0] == "module" and len(identity) > 1 and type(identity[1]) is Global:
            return identity[1]  # a class, which torch before 1.6 stored with its source code
        if identity[0] != "storage" or len(identity) not in (5, 6) or type(identity[1]) is not Global:
            raise Refusal("its pickle refers to something outside that is not a storage, as torch.save would")
        _, kind, key, _, count, *view = identity
        if type(key) is not str or not STORAGE_KEY.fullmatch(key):
            raise Refusal(f"its pickle names a storage {shown(key)!r}, which is not a key that torch.save uses")
        if not _is_count(count):
            raise Refusal(f"its storage {key} claims {shown(count)} elements")
        if view and view[0] is not None:
            raise Refusal(
                f"its storage {key} is a view of another storage, which torch no longer writes; save it again with a current torch"
            )
        return self._storage(kind, key, count)

    def _storage(self, kind: Global, key: str, count: int) -> Storage:
        known = self.storages.get(key)
        if known is not None:
            if (known.kind, known.count) != (kind.name, count):
                raise Refusal(
                    f"its storage {key} is described in two ways: {known.count:,} elements as {known.kind}, {count:,} as "
                    f"{printable(kind.name)}"
                )
            return known
        dtype = STORAGES.get(kind.name)
        size = dtype.size if dtype else STORAGES_WITHOUT_DTYPE.get(kind.name)
        if size is None or kind.module.partition(".")[0] != "torch":
            raise Refusal(f"its storage {key} is of the unknown kind {printable(kind)}")
        storage = Storage(key, kind.name, dtype, size, count)
        storage.record = self.find_record(storage)
        self.storages[key] = storage
        return storage

    def call(self, function: Global, arguments: tuple[Value, ...]) -> Value:
        name = str(function)
        if name in REBUILDING:
            rebuilt = REBUILDING[name](self, arguments)
            if rebuilt is None:
                raise Refusal(f"its pickle calls {name} with {len(arguments)} arguments that do not describe a tensor")
            return rebuilt
        if name in DICTIONARIES:
            return self._dictionary(arguments[DICTIONARIES[name] :])
        if name == "torch.Size" and len(arguments) == 1 and type(arguments[0]) is tuple:
            return arguments[0]
        if function.module == "torch._utils":  # all that torch pickles by functions of this module are tensors
            return Unsupported(NO_VIEW_OF_BYTES.get(function.name) or f"a tensor that the unknown function {printable(name)} makes")
        if is_harmful(function):
            self.harmful.add(name)
        return Inert(function, arguments)

    def _dictionary(self, arguments: tuple[Value, ...]) -> Pairs:
        """An empty one whose entries follow, or one that Python 2 made from a list of pairs."""
        if not arguments:
            return Pairs()
        entries = arguments[0].items if type(arguments[0]) is Pairs else arguments[0]
        self.copied += len(entries) if type(entries) is list else 0
        if self.copied > MOST_COPIED:
            raise Refusal(f"its pickle makes dictionaries from lists with more than {MOST_COPIED:,} entries in all")
        if (
            len(arguments) > 1
            or type(entries) is not list
            or not all(type(entry) in (list, tuple) and len(entry) == 2 for entry in entries)
        ):
            raise Refusal("its pickle makes a dictionary from something other than pairs")
        made = Pairs([(key, value) for key, value in entries])
        if not all(is_key(key) for key, _ in made.items):
            raise Refusal("its pickle makes a dictionary with a key that is not a name")
        return made


# Rebuilding. Each function takes the arguments of torch's function of that name; None if they do not fit.


def _rebuild_typed(functions: TorchGlobals, arguments: tuple[Value, ...]) -> Value:
    """Storage, offset, shape, stride, and from the second version on requires_grad, hooks and further notes."""
    if not 4 <= len(arguments) <= 7 or type(arguments[0]) is not Storage:
        return None
    storage = arguments[0]
    if len(arguments) == 7 and arguments[6] is not None:
        return Unsupported("a conjugated or negated tensor")
    if storage.dtype is None:
        return Unsupported(f"a tensor of {storage.kind.removesuffix('Storage')}, an element type that safetensors does not have")
    return _view(storage, storage.dtype, *arguments[1:4])


def _rebuild_untyped(functions: TorchGlobals, arguments: tuple[Value, ...]) -> Value:
    """The third version names the element type, as newer types have no storage class."""
    if not 7 <= len(arguments) <= 8 or type(arguments[0]) is not Storage or type(arguments[6]) is not Global:
        return None
    if len(arguments) == 8 and arguments[7] is not None:
        return Unsupported("a conjugated or negated tensor")
    dtype = DTYPES.get(arguments[6].name) if arguments[6].module == "torch" else None
    if dtype is None:
        return Unsupported(f"a tensor of {printable(arguments[6])}, an element type that is not supported")
    return _view(arguments[0], dtype, *arguments[1:4])


def _rebuild_parameter(functions: TorchGlobals, arguments: tuple[Value, ...]) -> Value:
    """A parameter is a tensor with notes about training: requires_grad, hooks and perhaps other attributes."""
    fits = 3 <= len(arguments) <= 4 and type(arguments[0]) in (Tensor, Unsupported)
    return arguments[0] if fits else None


def _rebuild_from_type(functions: TorchGlobals, arguments: tuple[Value, ...]) -> Value:
    """A tensor that carries attributes or is of a subclass: the function that makes it, the class, arguments, state."""
    if len(arguments) != 4 or type(arguments[0]) is not Global or type(arguments[1]) is not Global or type(arguments[2]) is not tuple:
        return None
    if str(arguments[1]) not in PLAIN_CLASSES:
        return Unsupported(f"a tensor of the class {printable(arguments[1])}")
    if str(arguments[0]) not in REBUILDING or str(arguments[0]).startswith("torch._tensor."):
        return Unsupported(f"a tensor that {printable(arguments[0])} makes")
    return functions.call(arguments[0], arguments[2])


REBUILDING: dict[str, Callable[[TorchGlobals, tuple[Value, ...]], Value]] = {
    "torch._utils._rebuild_tensor": _rebuild_typed,
    "torch._utils._rebuild_tensor_v2": _rebuild_typed,
    "torch._utils._rebuild_tensor_v3": _rebuild_untyped,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
}
MOST_COPIED = 750_000  # entries of all dictionaries that are made from lists; a list can be named again and again in two bytes
# How many arguments come before the entries.
DICTIONARIES = {"collections.OrderedDict": 0, "collections.defaultdict": 1, "builtins.dict": 0, "__builtin__.dict": 0}


def _view(storage: Storage, dtype: DType, offset: Value, shape: Value, stride: Value) -> Tensor | None:
    """The described view of the storage, after checking that it lies within."""
    if type(shape) is not tuple or type(stride) is not tuple or not _is_count(offset) or not all(map(_is_count, shape + stride)):
        raise Refusal(
            f"its pickle has a tensor in storage {storage.key} whose offset {shown(offset)}, shape {shown(shape)} or stride "
            f"{shown(stride)} is impossible"
        )
    if len(shape) != len(stride) or len(shape) > MOST_DIMENSIONS:
        raise Refusal(f"its pickle has a tensor in storage {storage.key} with {len(shape)} sides and {len(stride)} strides")
    if 0 in shape:
        if math.prod(filter(None, shape)) >= LARGEST:
            raise Refusal(f"its pickle has an empty tensor in storage {storage.key} of the impossible shape {shown(shape)}")
        return Tensor(storage, dtype, 0, shape, None)
    last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
    if (last + 1) * dtype.size > storage.count * storage.element_size:
        raise Refusal(
            f"its pickle has a tensor {shown(shape)} that reaches beyond the end of its storage {storage.key} of {storage.count:,} elements"
        )
    return Tensor(storage, dtype, offset * dtype.size, shape, None if _row_major(shape, stride) else stride)


def _row_major(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for side, step in zip(reversed(shape), reversed(stride), strict=True):
        if side != 1 and step != expected:
            return False
        expected *= side
    return True


def _is_count(value: Value) -> bool:
    return type(value) is int and 0 <= value < LARGEST
