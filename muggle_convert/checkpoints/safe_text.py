"""Text from a file, made safe to show: `printable` on a terminal, `markdown` and `code` on a card, `html` in a notebook. JSON and SVG have their
own escapes."""

from __future__ import annotations

import re
from html import escape

LONGEST = 200
MOST_ITEMS = 8
LONGEST_REASON = 2000  # for a value of a configuration
# Brackets make nothing but with what follows them, nor do underscores within a word.
_MARKUP = re.compile(r"[\\`*<>|~&$]|_(?![A-Za-z0-9])|(?<![A-Za-z0-9])_|\](?=[(\[:])")


def printable(name: object, longest: int = LONGEST) -> str:
    """A name as shown in messages. A stranger may have chosen it, so control characters, terminal escapes and characters that
    change the direction of text appear as backslash escapes, and a very long name is cut."""
    text = str(name)
    shown = text[: longest + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= longest else shown[:longest] + "…"


def markdown(text: object, longest: int = LONGEST) -> str:
    """The same inside a line of Markdown or a cell of its tables, where it stays text: no heading, image, link, tag or other cell."""
    escaped = _MARKUP.sub(r"\\\g<0>", printable(text, longest))
    return escaped.replace("://", ":\\//").replace("www.", "www\\.")


def code(text: object) -> str:
    """The same as code in Markdown, which has no escapes of its own."""
    return "`" + printable(text).replace("`", "'").replace("|", "¦") + "`"


def html(text: object) -> str:
    """The same inside an element or a quoted attribute."""
    return escape(printable(text), quote=True)


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
