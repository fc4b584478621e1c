"""Finding the tensors of an original among those of a graph made from it: by their numbers, as an exporter may lay axes in another order and
give new names."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

from muggle_convert.checkpoints import DType, TensorEntry
from muggle_convert.checkpoints.element_types import decode
from muggle_convert.checkpoints.tensor_bytes import as_array, gathered, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.files.casting import FLOAT_TYPES, Cast
from muggle_convert.identify.kept import model_tensors
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import Made
from muggle_convert.identify.translation_back import chunks_of
from muggle_convert.rules import Shape
from muggle_convert.verifying.tensors import derived
from muggle_convert.verifying.verdicts import Fared, Verdict

if TYPE_CHECKING:
    import numpy as np

TELLING = 16  # numbers, of which a graph has other tensors of the same shape by chance
HALF_A_STEP = 0.501  # of a scale, with what rounding takes
EIGHT_BITS = (DType.I8, DType.U8)

Numbers = tuple[DType, bytes]  # a type of elements, and a hash of all of them in order


class GraphComparison:
    """Compares one original with one graph."""

    def __init__(self, ours: Match, theirs: Match) -> None:
        self.ours = ours
        self.theirs = theirs
        self.tensors = theirs.checkpoint.tensors
        self.largest_rounding: float | None = None
        self._by_numbers: dict[Numbers, list[str]] = defaultdict(list)
        self._by_sides: dict[tuple[int, ...], list[TensorEntry]] = defaultdict(list)
        self._types = {entry.dtype for entry in self.tensors.values()}
        for name, entry in self.tensors.items():
            if entry.dtype.is_floating:
                self._by_numbers[entry.dtype, _hash(gathered(tensor_chunks(entry)))].append(name)
            self._by_sides[tuple(sorted(entry.shape))].append(entry)

    def verdicts(self) -> Iterator[Verdict]:
        """On the tensors of the network, by their names there, and on what else the original holds."""
        lost: list[Made] = []
        explained: set[str] = set()
        said = self.theirs.document.dropped if self.theirs.document is not None else {}
        for made in model_tensors(self.ours).values():
            if not made.dtype.is_floating:
                yield Verdict(made.name, Fared.UNUSED, "it counts batches in training")
            elif (found := self._found(made)) is None:
                lost.append(made)
            else:
                names, verdict = found
                explained.update(names)
                yield verdict
        yield from (self._of_lost(made, explained) for made in lost)
        origins = {origin for made in self.ours.translation.made.values() for origin in made.origins}
        for name in self.ours.checkpoint.tensors:
            if (place := self.ours.translation.dropped.get(name)) is not None:
                yield derived(self.ours, name, place)
            elif name in said:
                yield Verdict(name, Fared.ASKED, said[name].reason)
            elif name not in origins:
                yield Verdict(name, Fared.MISSING)

    def _found(self, made: Made) -> tuple[list[str], Verdict] | None:
        """The tensors of the graph that hold its numbers, and in which way."""
        numbers = bytes(gathered(chunks_of(made)))
        for dtype in dict.fromkeys((made.dtype, DType.F32, *FLOAT_TYPES.values())):
            if dtype not in self._types:
                continue
            cast = Cast(dtype)
            try:
                held = numbers if dtype is made.dtype else cast(made.name, made.dtype, numbers)
            except Refusal:  # beyond the range of the type, in which they cannot be there
                continue
            is_rounded = dtype.size < made.dtype.size
            for order, laid in _orders(held, dtype, made.shape, [entry.shape for entry in self._alike(made) if entry.dtype is dtype]):
                if names := self._by_numbers.get((dtype, _hash(laid))):
                    if is_rounded:
                        self.largest_rounding = max(self.largest_rounding or 0.0, cast.largest_error)
                    details = [f"{made.dtype.code} in the original, {dtype.code} in the graph"] if dtype is not made.dtype else []
                    details += ["its axes in another order"] if order else []
                    return names, Verdict(made.name, Fared.ROUNDED if is_rounded else Fared.EQUAL, ", ".join(details))
        return self._quantised(made, decode(made.dtype, numbers).reshape(made.shape))

    def _quantised(self, made: Made, numbers: np.ndarray[Any, Any]) -> tuple[list[str], Verdict] | None:
        """In eight bits, with a scale for all or one for each row of an axis."""
        import numpy as np

        for entry in self._alike(made):
            if entry.dtype not in EIGHT_BITS or not entry.name.endswith("_quantized"):
                continue
            stem = entry.name.removesuffix("_quantized")
            scale, zero = self.tensors.get(f"{stem}_scale"), self.tensors.get(f"{stem}_zero_point")
            if scale is None or scale.dtype is not DType.F32:
                continue
            names = [entry.name, scale.name, *([zero.name] if zero is not None else [])]
            steps = as_array(entry).astype("f4")
            for axis in _axes(entry.shape, scale):
                wide = [-1 if place == axis else 1 for place in range(len(entry.shape))]
                sizes, zeros = as_array(scale).reshape(wide), as_array(zero).astype("f4").reshape(wide) if zero is not None else 0
                for order in _permutations(made.shape, entry.shape):
                    with np.errstate(divide="ignore", invalid="ignore"):
                        off = abs((steps - zeros) * sizes - numbers.transpose(order)) / sizes
                    if off.size and off.max() <= HALF_A_STEP:
                        return names, Verdict(made.name, Fared.QUANTISED)
        return None

    def _of_lost(self, made: Made, explained: set[str]) -> Verdict:
        """Whose numbers the graph has not: changed, or worked into others."""
        count = math.prod(made.shape)
        entry = self.tensors.get(made.name)
        if entry is not None and entry.count == count:
            return Verdict(made.name, Fared.DIFFERENT, "the graph has other numbers under its name")
        others = [
            entry for entry in self._alike(made) if entry.name not in explained and (entry.dtype.is_floating or entry.dtype in EIGHT_BITS)
        ]
        if others and count >= TELLING:
            return Verdict(made.name, Fared.DIFFERENT, f"the graph has other numbers of its shape in {others[0].name}")
        return Verdict(made.name, Fared.FOLDED, made.name)

    def _alike(self, made: Made) -> list[TensorEntry]:
        """Tensors of the graph with the same sides in any order."""
        return self._by_sides.get(tuple(sorted(made.shape)), [])


def _hash(numbers: bytes | bytearray | memoryview) -> bytes:
    return hashlib.blake2b(numbers, digest_size=16).digest()


def _orders(numbers: bytes, dtype: DType, shape: Shape, wanted: list[Shape]) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """The numbers as they are, and with their axes in every other order that has one of the shapes."""
    import numpy as np

    yield (), numbers
    laid = np.frombuffer(numbers, f"V{dtype.size}").reshape(shape)
    for there in dict.fromkeys(wanted):
        for order in _permutations(shape, there):
            if order != tuple(range(len(shape))):
                yield order, laid.transpose(order).tobytes()


def _permutations(shape: Shape, wanted: Shape) -> list[tuple[int, ...]]:
    """Orders of axes that make one shape of the other; there are no weights of more than five dimensions."""
    if len(shape) != len(wanted) or len(shape) > 5:
        return []
    return [order for order in permutations(range(len(shape))) if tuple(shape[axis] for axis in order) == tuple(wanted)]


def _axes(shape: Shape, scale: TensorEntry) -> list[int | None]:
    """Which axis has a scale for each of its rows; None: one for all."""
    if scale.count == 1:
        return [None]
    return [axis for axis, side in enumerate(shape) if side == scale.count]
