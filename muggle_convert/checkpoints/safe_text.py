"""Names from a file, made fit to show."""

from __future__ import annotations

LONGEST = 200


MOST_ITEMS = 8


def printable(name: object) -> str:
    """A name as messages show it: a stranger chose it, so control characters, terminal escapes and text that changes
    direction appear as backslash escapes, and a very long name is cut."""
    text = str(name)
    shown = text[: LONGEST + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"


def shown(value: object) -> str:
    """A value from a file as messages show it. Only what is short and flat is spelled out: the text of a nested value can
    be exponentially longer than the file, and as deep as its maker likes."""
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, (bool, int, float)):
        return printable(repr(value))
    if isinstance(value, (list, tuple)) and len(value) <= MOST_ITEMS and not any(isinstance(part, (list, tuple)) for part in value):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"a {type(value).__name__.lower()}"
