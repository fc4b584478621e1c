"""Names from a file, made fit to show."""

from __future__ import annotations

LONGEST = 200


def printable(name: object) -> str:
    """A name as messages show it: a stranger chose it, so control characters, terminal escapes and text that changes
    direction appear as backslash escapes, and a very long name is cut."""
    text = str(name)
    shown = text[: LONGEST + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"
