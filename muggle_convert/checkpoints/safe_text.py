"""Text from a file, made safe to show."""

from __future__ import annotations

LONGEST = 200
MOST_ITEMS = 8


def printable(name: object) -> str:
    """A name as shown in messages. A stranger may have chosen it, so control characters, terminal escapes and characters that
    change the direction of text appear as backslash escapes, and a very long name is cut."""
    text = str(name)
    shown = text[: LONGEST + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"


def shown(value: object) -> str:
    """A value from a file as shown in messages. Only short flat values are spelled out: the text of a nested value can be
    exponentially longer than the file, and nested to any depth."""
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, (bool, int, float)):
        return printable(repr(value))
    if isinstance(value, (list, tuple)) and len(value) <= MOST_ITEMS and not any(isinstance(part, (list, tuple)) for part in value):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"a {type(value).__name__.lower()}"
