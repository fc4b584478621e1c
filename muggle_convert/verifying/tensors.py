"""Comparing the tensors of a converted file with those of its original, one by one and bit by bit, through the inverse rules."""

from __future__ import annotations

from collections.abc import Iterator

from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.tensor_bytes import same_bytes, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.files.casting import FLOAT_TYPES, Cast
from muggle_convert.identify.dropped import check_one, is_exact
from muggle_convert.identify.kept import kept_tensors, model_tensors
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import Made, original_name
from muggle_convert.identify.translation_back import chunks_of, is_zero, translate_back
from muggle_convert.rules import Drop, Fate
from muggle_convert.rules.operations import Run
from muggle_convert.rules.ruleset import Place
from muggle_convert.verifying.verdicts import Fared, Verdict

ROUNDED_FROM = (DType.F64, *FLOAT_TYPES.values())  # types that a conversion can round


class Comparison:
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
        if drop.fate in (Fate.UNUSED, Fate.NOT_RUN) and not self.is_said_elsewhere and name not in self.said:
            return Verdict(name, Fared.MISSING, drop.reason)
        return derived(self.ours, name, place)


def derived(ours: Match, name: str, place: Place) -> Verdict:
    """On a tensor that a network does without: the original's must be what it is said to be."""
    drop = place.rule
    assert isinstance(drop, Drop)
    if drop.fate in (Fate.UNUSED, Fate.NOT_RUN):
        return Verdict(name, Fared.UNUSED, drop.reason)
    try:
        check_one(ours, name)
    except Refusal as problem:
        return Verdict(name, Fared.DIFFERENT, str(problem))
    if drop.fate is Fate.DUPLICATE:
        return Verdict(name, Fared.REPEATED, drop.why(dict(place.fields)))
    return Verdict(name, Fared.COMPUTED if is_exact(ours, name) else Fared.COMPUTED_CLOSELY, drop.reason)
