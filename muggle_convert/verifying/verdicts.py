"""What can become of a tensor of the original, and everything that verifying found out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from muggle_convert.checkpoints.brief import Brief
from muggle_convert.identify.match import Match
from muggle_convert.identify.retelling import Remark


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
    QUANTISED = "stored in eight bits, each number within half a step of the original's"
    FOLDED = "worked into other numbers of the graph"
    DIFFERENT = "different"
    MISSING = "lost, and nothing says why"
    ADDED = "not in the original"


FAILURES = (Fared.DIFFERENT, Fared.MISSING, Fared.ADDED)
LEFT_OUT = (Fared.UNUSED, Fared.ASKED)  # and reported; nothing can restore these


@dataclass(frozen=True)
class Verdict:
    """What became of one tensor of the original, with a detail if there is one."""

    name: str
    fared: Fared
    detail: str = ""


@dataclass(frozen=True, repr=False)
class Verification(Brief):
    """The verdict on every tensor."""

    original: Match
    converted: Match
    verdicts: tuple[Verdict, ...]
    largest_rounding: float | None  # relative, over the elements that changed type
    different: tuple[Remark, ...]  # what the converted file says of itself and the original contradicts
    only_told: tuple[Remark, ...]  # what it says and no tensor can tell
    predictions: Mapping[str, float] | None = None  # largest difference by size of the input, in standard deviations
    bound: float = math.inf  # of those differences, where a graph computes what a network would

    def told(self) -> Mapping[str, object]:
        predictions = {f"predictions at {size}": f"{found:.2e} deviations" for size, found in (self.predictions or {}).items()}
        return {
            "verdict": "holds" if self.holds else "does not hold",
            "original": self.original.checkpoint.name,
            "converted": self.converted.checkpoint.name,
            "tensors": ", ".join(f"{count} {fared.value}" for fared, count in self.counts.items()),
            **{f"different, {remark.what}": f"{remark.said}: {remark.about}" for remark in self.different},
            **predictions,
        }

    @property
    def holds(self) -> bool:
        """Whether every tensor is equal or accounted for, the original contradicts nothing else, and the predictions, if requested, are
        comparable, and within their bound."""
        is_whole = not self.different and not any(verdict.fared in FAILURES for verdict in self.verdicts)
        return is_whole and self.is_comparable and self.is_close

    @property
    def is_comparable(self) -> bool:
        return all(map(math.isfinite, (self.predictions or {}).values()))

    @property
    def is_close(self) -> bool:
        return all(difference <= self.bound for difference in (self.predictions or {}).values())

    @property
    def counts(self) -> dict[Fared, int]:
        found = Counter(verdict.fared for verdict in self.verdicts)
        return {fared: found[fared] for fared in Fared if found[fared]}
