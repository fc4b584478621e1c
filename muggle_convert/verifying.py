"""Comparing a converted file with its original, tensor by tensor and bit by bit, through the inverse rules."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.tensor_bytes import same_bytes, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.files.casting import FLOAT_TYPES, Cast
from muggle_convert.identify.document import KEY
from muggle_convert.identify.dropped import check_one, is_exact
from muggle_convert.identify.kept import kept_tensors, model_tensors
from muggle_convert.identify.match import Match
from muggle_convert.identify.read import ReadOptions, open_anywhere, read
from muggle_convert.identify.reading_like import read_like
from muggle_convert.identify.retelling import Remark, retell
from muggle_convert.identify.translation import Made, original_name
from muggle_convert.identify.translation_back import chunks_of, is_zero, translate_back
from muggle_convert.rules import Drop, Fate
from muggle_convert.rules.operations import Run
from muggle_convert.rules.ruleset import Place


class Fared(Enum):
    """How a tensor of the original came through."""

    EQUAL = "equal, bit for bit"
    ROUNDED = "equal to the original rounded to another element type"
    KEPT = "kept although the network never reads it, bit for bit"
    COMPUTED = "computed again from the configuration, bit for bit"
    COMPUTED_CLOSELY = "computed again from the configuration, equal up to the last bits"
    REPEATED = "the same as another tensor, bit for bit"
    UNUSED = "left out: the network never reads it"
    ASKED = "left out, as the user asked"
    DIFFERENT = "different"
    MISSING = "lost, and nothing says why"
    ADDED = "not in the original"


ROUNDED_FROM = (DType.F64, *FLOAT_TYPES.values())  # types that a conversion can round
FAILURES = (Fared.DIFFERENT, Fared.MISSING, Fared.ADDED)
LEFT_OUT = (Fared.UNUSED, Fared.ASKED)  # and reported; nothing can restore these


@dataclass(frozen=True)
class Verdict:
    """What became of one tensor of the original, with a detail if there is one."""

    name: str
    fared: Fared
    detail: str = ""


@dataclass(frozen=True)
class Verification:
    """The verdict on every tensor."""

    original: Match
    converted: Match
    verdicts: tuple[Verdict, ...]
    largest_rounding: float | None  # relative, over the elements that changed type
    different: tuple[Remark, ...]  # what the converted file says of itself and the original contradicts
    only_told: tuple[Remark, ...]  # what it says and no tensor can tell
    predictions: Mapping[str, float] | None = None  # largest difference by size of the input, in standard deviations

    @property
    def holds(self) -> bool:
        """Whether every tensor is equal or accounted for, the original contradicts nothing else, and the predictions, if requested, are
        comparable."""
        return not self.different and not any(verdict.fared in FAILURES for verdict in self.verdicts) and self.is_comparable

    @property
    def is_comparable(self) -> bool:
        return all(map(math.isfinite, (self.predictions or {}).values()))

    @property
    def counts(self) -> dict[Fared, int]:
        found = Counter(verdict.fared for verdict in self.verdicts)
        return {fared: found[fared] for fared in Fared if found[fared]}


def verify(
    original: str | Path, converted: str | Path, *, backbone: str | Path | None = None, state: str | None = None, predict: bool = False
) -> Verification:
    """Map the converted file back to the names of the original, and compare every tensor; and read the original by itself, and compare
    everything else that the converted file says of it.

        assert verify("dpt_hybrid-midas-501f0c75.pt", "hybrid.safetensors").holds

    With `predict`, also compare what the two networks predict.
    """
    theirs = read(converted)
    if theirs.document is None:
        raise Refusal(
            f"{printable(theirs.checkpoint.name)} is not a file that muggle-convert wrote (it is in the {theirs.layout} layout); "
            "give the original first and the converted file second."
        )
    first = open_anywhere(original, ReadOptions(state=state, backbone=backbone))
    if KEY in first.metadata:
        raise Refusal(
            f"{printable(first.name)} was also written by muggle-convert; give the original that {printable(theirs.checkpoint.name)} "
            f"was made from, {printable(theirs.document.source['file'])}."
        )
    ours = read_like(theirs, first)
    comparison = _Comparison(ours, theirs)
    verdicts = tuple(comparison.verdicts())
    retold = retell(first, theirs)
    predictions = None
    if predict:
        from muggle_convert.building import load
        from muggle_convert.predict.differences import largest_differences

        predictions = largest_differences(load(retold.original or ours), load(theirs))
    return Verification(ours, theirs, verdicts, comparison.largest_rounding, retold.different, retold.only_told, predictions)


class _Comparison:
    """Compares one original with one converted file."""

    def __init__(self, ours: Match, theirs: Match) -> None:
        assert theirs.document is not None
        self.ours = ours
        self.theirs = theirs
        self.said = theirs.document.dropped if theirs.document.layout == ours.layout else {}
        self.is_said_elsewhere = theirs.document.layout != ours.layout
        self.kept = kept_tensors(theirs)
        self.casts: dict[DType, Cast] = {}

    @property
    def largest_rounding(self) -> float | None:
        return max((cast.largest_error for cast in self.casts.values()), default=None)

    def verdicts(self) -> Iterator[Verdict]:
        back = translate_back(model_tensors(self.theirs), self.ours.family.every_layout[self.ours.layout], self.ours.layout)
        for name, entry in self.ours.checkpoint.tensors.items():
            if name in back.made:
                yield self.compared(entry, back.made[name], Fared.EQUAL)
            elif (place := self.ours.translation.dropped.get(name)) is not None:
                yield self.dropped(entry, place)
            elif name in self.said:
                yield Verdict(name, Fared.ASKED, self.said[name].reason)
            else:
                yield Verdict(name, Fared.MISSING)
        for name in back.made:
            if name not in self.ours.checkpoint.tensors:
                yield Verdict(name, Fared.ADDED, "the converted file has it")
        for made in back.homeless:
            if not is_zero(made):
                yield Verdict(made.name, Fared.ADDED, "not zero where the original has nothing")

    def compared(self, entry: TensorEntry, made: Made, fared: Fared) -> Verdict:
        """Bit for bit, after rounding as a conversion to another element type does."""
        if entry.shape != made.shape:
            return Verdict(entry.name, Fared.DIFFERENT, f"{list(entry.shape)} in the original, {list(made.shape)} in the converted file")
        chunks: Iterator[bytes | memoryview] = tensor_chunks(entry)
        detail = ""
        if entry.dtype is not made.dtype:
            detail = f"{entry.dtype.code} in the original, {made.dtype.code} in the converted file"
            if not (entry.dtype in ROUNDED_FROM and made.dtype in FLOAT_TYPES.values()):
                return Verdict(entry.name, Fared.DIFFERENT, detail)
            cast = self.casts.setdefault(made.dtype, Cast(made.dtype))
            chunks = (cast(printable(entry.name), entry.dtype, part) for part in tensor_chunks(entry))
            fared = Fared.ROUNDED
        return Verdict(entry.name, fared if same_bytes(chunks, chunks_of(made)) else Fared.DIFFERENT, detail)

    def dropped(self, entry: TensorEntry, place: Place) -> Verdict:
        drop, name = place.rule, entry.name
        assert isinstance(drop, Drop)
        if (kept := self.kept.get(original_name(place, name))) is not None:
            return self.compared(entry, Made(name, kept.dtype, kept.shape, ((kept, Run(0, 0, kept.count)),)), Fared.KEPT)
        if drop.fate in (Fate.UNUSED, Fate.NOT_RUN):
            is_said = self.is_said_elsewhere or name in self.said
            return Verdict(name, Fared.UNUSED if is_said else Fared.MISSING, drop.reason)
        try:
            check_one(self.ours, name)
        except Refusal as problem:
            return Verdict(name, Fared.DIFFERENT, str(problem))
        if drop.fate is Fate.DUPLICATE:
            return Verdict(name, Fared.REPEATED, drop.why(dict(place.fields)))
        return Verdict(name, Fared.COMPUTED if is_exact(self.ours, name) else Fared.COMPUTED_CLOSELY, drop.reason)
