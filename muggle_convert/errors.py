"""The exceptions that reach a user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muggle_convert.families.shared.evidence import Evidence


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do.

    Many are put together from the refusal of a part, so the full stop is set here, where the sentence ends.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence if sentence.endswith(".") else f"{sentence}.")


_SAID_OF_IT = re.compile(r"(?P<possessive>its )|(it )?(?=(is|has|holds|takes|names|does)\b)")


def about(file: str, problem: str) -> str:
    """One sentence from a file and what a part of its reader, which does not know its name, says of it."""
    said = _SAID_OF_IT.match(problem)
    if said is None:
        return f"{file}: {problem}"
    owner = f"{file}'s" if said["possessive"] else file
    return f"{owner} {problem[said.end() :]}"


class Contradiction(Refusal):
    """A checkpoint that cannot be what its names look like, whatever flags say; and what says so, where that is not its tensors."""

    def __init__(self, sentence: str, because: Evidence | None = None) -> None:
        super().__init__(sentence)
        self.because = because
