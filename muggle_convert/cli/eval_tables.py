"""Evaluation results as tables for people."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from muggle_convert.checkpoints import printable
from muggle_convert.cli.terminal import console, print_table
from muggle_convert.evaluation.metrics import NAMES
from muggle_convert.evaluation.results import Results, Row

DIGITS = 4
WIDEST = 500


def show(results: Results, worst: int) -> None:
    """One row per model, and the worst images of each."""
    where = console()
    where.print(Text(rules_of(results)))
    table = _numbers(results, "model", "type", "aligned")
    if Measurement.get(where, where.options.update(width=WIDEST), table).maximum > where.width:
        for number, row in enumerate(results.rows, 1):
            where.print(Text(f"{number}  {printable(row.model)}, {row.dtype}, aligned: {row.align}"))
        table = _numbers(results)
    print_table(where, table)
    for row in results.rows:
        _show_images(where, row, worst)


def _numbers(results: Results, *titles: str) -> Table:
    """One line a row; without titles a narrow one, whose models have numbers."""
    table = Table(*titles, box=box.SIMPLE_HEAD) if titles else Table("", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title, is_larger_better in NAMES.values():
        short = title if titles else title.replace("delta ", "δ")
        table.add_column(f"{short} {'↑' if is_larger_better else '↓'}", justify="right", no_wrap=True)
    for number, row in enumerate(results.rows, 1):
        who = (Text(printable(row.model)), row.dtype, row.align) if titles else (str(number),)
        table.add_row(*who, *(f"{row.numbers[name]:.{DIGITS}f}" for name in NAMES))
    return table


def rules_of(results: Results) -> str:
    """What was counted, on one line."""
    cap = f"up to {results.cap:g} m" if results.cap else "at any distance"
    kitti = ", shown KITTI's 352 x 1216" if results.kb_crop else ""
    aligned = f", aligned per {results.align_over}" if any(row.align != "none" for row in results.rows) else ""
    return f"{counted(results.images, 'image', 'images')} of {printable(results.called)}{kitti}, crop {results.crop}, {cap}{aligned}"


def counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _show_images(console: Console, row: Row, worst: int) -> None:
    if row.empty:
        console.print(
            Text(
                f"{printable(row.model)}: {counted(len(row.empty), 'image was', 'images were')} left out, because nothing that counts was measured in them:"
            )
        )
        console.print(Text("  " + ", ".join(map(printable, row.empty[:10])) + (" and more" if len(row.empty) > 10 else "")))
    ranked = row.worst(worst)
    if len(row.images) > 1 and ranked:
        console.print(Text(f"worst of {printable(row.model)}:"))
        for name in ranked:
            numbers = row.images[name]
            console.print(Text(f"  {printable(name)}: AbsRel {numbers['abs_rel']:.{DIGITS}f}, delta 1 {numbers['d1']:.{DIGITS}f}"))
