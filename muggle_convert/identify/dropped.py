"""Holding dropped tensors against what they are said to be: computed again, or the same as another one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from model_defs.config import DPTConfig
from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.element_types import encode
from muggle_convert.checkpoints.limits import DEFAULT_LIMITS
from muggle_convert.checkpoints.tensor_bytes import as_array, read_tensor, same_bytes, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.identify.match import Match
from muggle_convert.rules import Drop, Shape
from muggle_convert.rules.sizes import size_of

if TYPE_CHECKING:
    import numpy as np

SMALL, ELEMENT = 1 << 22, 8  # elements that are computed whatever a file holds, and bytes of one
_CLOSE = {DType.F16: 1e-3, DType.BF16: 1e-2}  # what rounding takes from numbers around one


def check_dropped(match: Match) -> None:
    """Refuse where a tensor that is left out as derivable or repeated is not what it would be made again as."""
    for name in match.translation.dropped:
        check_one(match, name)


def check_one(match: Match, name: str) -> None:
    place = match.translation.dropped[name]
    drop, fields = place.rule, dict(place.fields)
    assert isinstance(drop, Drop)
    if drop.derive is not None:
        refuse_another_size(match, drop, fields, match.checkpoint.tensors[name])
        _compare(match, match.checkpoint.tensors[name], drop.derive(match.config, fields))
    if drop.same_as is not None:
        other = match.checkpoint.tensors.get(drop.same_as.write(fields) or "")
        if other is not None and not _equal(match.checkpoint.tensors[name], other):
            raise Refusal(
                f"{printable(match.checkpoint.name)} has {printable(name)} different from {printable(other.name)}, where "
                f"{match.family.name} has one tensor under two names; the file is not what it looks like."
            )


def refuse_another_size(match: Match, drop: Drop, fields: Mapping[str, int], entry: TensorEntry | None = None) -> None:
    """Refuse what is too large to be computed for nothing: a large tensor that is not stored so, or that is more than its file warrants."""
    try:
        shape = tuple(size_of(size, match.config, fields) for size in drop.sizes or ())
    except LookupError:  # of a block that there is not
        return
    count, stored = math.prod(shape), match.checkpoint.stored_size
    if count <= SMALL or (entry is not None and shape == entry.shape and not entry.record.deflated):
        return
    if entry is not None or count * ELEMENT > DEFAULT_LIMITS.inflation * stored + DEFAULT_LIMITS.inflation_allowance:
        told = f"stores {printable(entry.name)} of shape {list(entry.shape)}" if entry is not None else f"holds {stored:,} bytes"
        raise Refusal(
            f"{printable(match.checkpoint.name)} {told}, but its configuration gives {drop.template} the shape {list(shape)}; the file is not what "
            "it looks like, or too much of it is compressed."
        )


def is_exact(match: Match, name: str) -> bool:
    """Whether a derivable tensor would be made again to the last bit."""
    entry, place = match.checkpoint.tensors[name], match.translation.dropped[name]
    assert isinstance(place.rule, Drop)
    shape, elements = remade(place.rule, match.config, dict(place.fields), entry.dtype)
    return shape == entry.shape and elements == read_tensor(entry)


def remade(drop: Drop, config: DPTConfig, fields: Mapping[str, int], dtype: DType) -> tuple[Shape, bytes]:
    """A derivable tensor as a file would hold it."""
    assert drop.derive is not None
    array = drop.derive(config, fields)
    return array.shape, encode(dtype, array)


def _compare(match: Match, entry: TensorEntry, derived: np.ndarray[Any, Any]) -> None:
    file, name = printable(match.checkpoint.name), printable(entry.name)
    advice = "the file is not what it looks like; convert it as another family, or get it again"
    if derived.shape != entry.shape:
        raise Refusal(f"{file} stores {name} of shape {list(entry.shape)}, but its configuration gives {list(derived.shape)}: {advice}.")
    if not _same_values(as_array(entry), derived, entry.dtype):
        raise Refusal(f"{file} stores other values in {name} than its configuration gives: {advice}.")


def _same_values(stored: np.ndarray[Any, Any], derived: np.ndarray[Any, Any], dtype: DType) -> bool:
    """Whole numbers exactly; floats up to the last bits, in which a logarithm differs between libraries."""
    import numpy as np

    if dtype.is_floating:
        return bool(np.allclose(stored, derived, rtol=0.0, atol=_CLOSE.get(dtype, 1e-6)))
    return bool(np.array_equal(stored, derived))


def _equal(one: TensorEntry, other: TensorEntry) -> bool:
    same_kind = (one.shape, one.dtype) == (other.shape, other.dtype)
    return one.place == other.place or (same_kind and same_bytes(tensor_chunks(one), tensor_chunks(other)))
