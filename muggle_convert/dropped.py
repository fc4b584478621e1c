"""Holding dropped tensors against what they are said to be: computed again, or the same as another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints import DType, TensorEntry, printable, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.match import Match
from muggle_convert.rules import Drop

if TYPE_CHECKING:
    import numpy as np

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def check_dropped(match: Match) -> None:
    """Refuse where a tensor that is left out as derivable or repeated is not what it would be made again as."""
    for name, place in match.translation.dropped.items():
        drop, fields = place.rule, dict(place.fields)
        assert isinstance(drop, Drop)
        if drop.derive is not None:
            _compare(match, match.checkpoint.tensors[name], drop.derive(match.config, fields))
        if drop.same_as is not None:
            other = match.checkpoint.tensors.get(drop.same_as.write(fields) or "")
            if other is not None and not _equal(match.checkpoint.tensors[name], other):
                raise Refusal(
                    f"{printable(match.checkpoint.path.name)} has {printable(name)} different from {printable(other.name)}, where "
                    f"{match.family.name} has one tensor under two names; the file is not what it looks like."
                )


def _compare(match: Match, entry: TensorEntry, derived: np.ndarray[Any, Any]) -> None:
    file, name = printable(match.checkpoint.path.name), printable(entry.name)
    advice = "the file is not what it looks like; convert it as another family, or get it again"
    if derived.shape != entry.shape:
        raise Refusal(f"{file} stores {name} of shape {list(entry.shape)}, but its configuration gives {list(derived.shape)}: {advice}.")
    if not same_values(as_array(entry), derived):
        raise Refusal(f"{file} stores other values in {name} than its configuration gives: {advice}.")


def same_values(stored: np.ndarray[Any, Any], derived: np.ndarray[Any, Any]) -> bool:
    """Whole numbers exactly; floats up to the last bits, in which a logarithm differs between libraries."""
    import numpy as np

    if stored.dtype.kind == "f":
        return bool(np.allclose(stored, derived, rtol=0.0, atol=1e-3 if stored.dtype.itemsize == 2 else 1e-6))
    return bool(np.array_equal(stored, derived))


def as_array(entry: TensorEntry) -> np.ndarray[Any, Any]:
    """A small stored tensor as an array."""
    import numpy as np

    elements = b"".join(tensor_chunks(entry))
    if entry.dtype is DType.BF16:
        return (np.frombuffer(elements, "<u2").astype("<u4") << 16).view("<f4").reshape(entry.shape)
    if entry.dtype.code not in _KINDS:
        raise Refusal(f"{printable(entry.name)} is a {entry.dtype.code} tensor where numbers were expected; get the file again.")
    return np.frombuffer(elements, _KINDS[entry.dtype.code]).reshape(entry.shape)


def _equal(one: TensorEntry, other: TensorEntry) -> bool:
    if one.shares_bytes_with(other):
        return True
    same_kind = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same_kind and b"".join(tensor_chunks(one)) == b"".join(tensor_chunks(other))
