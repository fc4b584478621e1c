"""The exceptions that reach a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muggle_convert.families.evidence import Evidence


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do.

    Many are put together from the refusal of a part, so the full stop is set here, where the sentence ends.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence if sentence.endswith(".") else f"{sentence}.")


class Contradiction(Refusal):
    """A checkpoint that cannot be what its names look like, whatever flags say; and what says so, where that is not its tensors."""

    def __init__(self, sentence: str, because: Evidence | None = None) -> None:
        super().__init__(sentence)
        self.because = because
