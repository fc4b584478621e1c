"""What is shown on a terminal of any width, and written to a file or a pipe: tables and progress."""

from __future__ import annotations

import sys

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from muggle_convert.checkpoints.safe_text import LONGEST_REASON, printable

NO_EDGE = 10_000  # columns; only a terminal has an edge to wrap at


def console() -> Console:
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = NO_EDGE
    return made


def plain(text: object) -> Text:
    """Words that a stranger may have chosen, as rich shows them: no markup of its own, and no command to the terminal."""
    return Text(printable(text, LONGEST_REASON))


def print_table(where: Console, table: RenderableType) -> None:
    """Without the blanks that fill the last column, which a terminal does not show and the reader of a pipe does not want."""
    if where.is_terminal:
        where.print(table)
        return
    with where.capture() as captured:
        where.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=where.file)


def progress_bar(*columns: str | ProgressColumn) -> Progress:
    """Bars on standard error that vanish at the end; none where nobody watches."""
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
