"""The exceptions and warnings that reach a user."""

from __future__ import annotations

import re


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do.

    Many are composed from the refusal of some part, so the full stop is added here, at the end of the sentence.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence if sentence.endswith(".") else f"{sentence}.")


class Notice(UserWarning):
    """One sentence on what was decided for the user, who may decide otherwise."""


_SAID_OF_IT = re.compile(r"(?P<possessive>its )|(it )?(?=(is|has|holds|takes|names|does)\b)")


def about(file: str, problem: str) -> str:
    """One sentence from the name of a file and the complaint of a reader that does not know that name."""
    said = _SAID_OF_IT.match(problem)
    if said is None:
        return f"{file}: {problem}"
    owner = f"{file}'s" if said["possessive"] else file
    return f"{owner} {problem[said.end() :]}"
