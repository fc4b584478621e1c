"""The exceptions that reach a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muggle_convert.families.evidence import Evidence


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do."""


class Contradiction(Refusal):
    """A checkpoint that cannot be what its names look like, whatever flags say; and what says so, where that is not its tensors."""

    def __init__(self, sentence: str, because: Evidence | None = None) -> None:
        super().__init__(sentence)
        self.because = because
