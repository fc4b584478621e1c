"""The exceptions and warnings that reach a user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 2000


class Refusal(Exception):
    """One sentence that says what was found, what was expected and what to do.

    Many are composed from the refusal of some part, so the full stop is added here, at the end of the sentence. Strangers' words are made safe
    where they are quoted; what was overlooked, or said by another library, at least cannot leave the line, command a terminal or fill it.
    """

    def __init__(self, sentence: str) -> None:
        sentence = sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST] + "…"
        if not sentence.isprintable():
            sentence = "".join(
                one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in " ".join(sentence.split())
            )
        super().__init__(sentence if sentence.endswith(".") else f"{sentence}.")


class Notice(UserWarning):
    """One sentence on what was decided for the user, who may decide otherwise."""


class Assumption(Notice):
    """The same on what a checkpoint is, where nothing tells it."""


_SAID_OF_IT = re.compile(r"(?P<possessive>its )|(it )?(?=(is|has|holds|takes|names|does)\b)")


def about(file: str, problem: str) -> str:
    """One sentence from the name of a file and the complaint of a reader that does not know that name."""
    said = _SAID_OF_IT.match(problem)
    if said is None:
        return f"{file}: {problem}"
    owner = f"{file}'s" if said["possessive"] else file
    return f"{owner} {problem[said.end() :]}"


# What numbers that contradict each other come to, in a network that is made of them.
_OF_NUMBERS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_LONGEST_REASON = 200


@contextmanager
def as_told(complaint: str, advice: str = "convert the original again") -> Iterator[None]:
    """Around what follows the numbers of a description, which a stranger may have written: what they come to is a sentence, too."""
    try:
        yield
    except _OF_NUMBERS as problem:
        reason = " ".join(str(problem).split())
        if "memory" in reason:  # torch has no exception of its own for that on a processor
            raise
        said = f"{type(problem).__name__}: {reason}"[:_LONGEST_REASON].removesuffix(".")
        raise Refusal(f"{complaint} ({said}); {advice}.") from problem
