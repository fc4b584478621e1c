"""What had to be assumed of a checkpoint, said to whoever called from Python; commands show it among what they print."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from model_defs.plain_values import leaves
from muggle_convert.checkpoints import printable
from muggle_convert.errors import Assumption
from muggle_convert.families.shared.evidence import Source
from muggle_convert.identify.match import Match


def tell_assumptions(matched: Match) -> None:
    """One warning for all of it, at the line that called what calls this."""
    if said := " and ".join(assumptions(matched)):
        warnings.warn(f"{printable(matched.checkpoint.name)}: assumed {said}", Assumption, stacklevel=3)


def assumptions(matched: Match) -> Iterator[str]:
    """Each value with the reason why it is assumed."""
    values = leaves(matched.config)
    for path, evidence in matched.evidence.items():
        if evidence.source is Source.ASSUMED:
            yield f"{printable(path)} = {printable(values.get(path))} ({printable(evidence.detail)})"
