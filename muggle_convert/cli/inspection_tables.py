"""An inspection as tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from model_defs.plain_values import leaves
from muggle_convert.checkpoints import printable
from muggle_convert.cli.terminal import console, plain, print_table
from muggle_convert.inspection import Inspection
from muggle_convert.outputs import sentence_about

WIDE = 120  # columns, enough for a reason beside its value


def show(inspection: Inspection) -> None:
    terminal = console()
    print_table(terminal, _overview(inspection))
    print_table(terminal, _parts(inspection))
    if terminal.width < WIDE:
        _print_configuration(terminal, inspection)
    else:
        print_table(terminal, _configuration(inspection))
    for line in _remarks(inspection):
        terminal.print(line)


def _overview(inspection: Inspection) -> Table:
    match, source = inspection.match, inspection.source
    name, exact = match.released
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("file", plain(match.checkpoint.name))
    table.add_row("model", match.family.title + (f", released as [bold]{name}[/]" if exact else f", nearest to {name}" if name else ""))
    table.add_row("predicts", sentence_about(match.config.output, match.config.head.channels))
    table.add_row(
        "size",
        f"{inspection.parameters / 1e6:,.1f} million parameters, {match.checkpoint.stored_size / 1e6:,.1f} MB, {', '.join(inspection.dtypes)}",
    )
    table.add_row("layout", f"{match.layout}, in a {match.checkpoint.container}")
    if match.document is not None:
        versions = ", ".join(f"{program} {version}" for program, version in match.document.versions.items())
        table.add_row(
            "made from", plain(f"{printable(source['file'])} ({printable(match.document.layout)} layout) by {printable(versions)}")
        )
        if source.get("training"):
            table.add_row("then trained", plain(source["training"]))
    if inspection.licence is not None:
        table.add_row("licence", plain(f"{inspection.licence.name}, known from {inspection.licence.said_by}"))
    elif match.document is not None:
        table.add_row("licence", "not stated")
    if source.get("fingerprint"):
        table.add_row("fingerprint", plain(source["fingerprint"]))
    for what in match.checkpoint.unwrapped:
        table.add_row("unwrapped", plain(what))
    return table


def _parts(inspection: Inspection) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("part", "all")
    table.add_column("tensors", str(sum(tensors for tensors, _ in inspection.parts.values())), justify="right")
    table.add_column("parameters", f"{inspection.parameters:,}", justify="right")
    table.add_column("share", "", justify="right")
    for part, (tensors, parameters) in inspection.parts.items():
        table.add_row(part, str(tensors), f"{parameters:,}", f"{parameters / inspection.parameters:.1%}")
    return table


def _known(inspection: Inspection) -> Iterator[tuple[str, str, str]]:
    """Every value that is set, with its path and how it is known."""
    for path, value in leaves(inspection.match.config).items():
        evidence = inspection.match.evidence.get(path)
        if value is not None and evidence is not None:
            yield path, _value(value), str(evidence)


def _configuration(inspection: Inspection) -> Table:
    """A reason shared by consecutive values is printed once."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("configuration", no_wrap=True)
    table.add_column("value")
    table.add_column("known from", overflow="fold", style="dim")
    part = reason = ""
    for path, value, why in _known(inspection):
        if part not in ("", path.partition(".")[0]):
            table.add_section()
        part, before, reason = path.partition(".")[0], reason, why
        table.add_row(plain(path), plain(value), '"' if reason == before else plain(reason))
    return table


def _print_configuration(terminal: Console, inspection: Inspection) -> None:
    """The same for narrow terminals: reasons below their values."""
    rows = list(_known(inspection))
    longest = max(len(path) for path, _, _ in rows)
    for number, (path, value, why) in enumerate(rows):
        terminal.print(Text(f"{path:{longest}}  {value}"))
        if number + 1 == len(rows) or rows[number + 1][2] != why:
            terminal.print(Padding(Text(why, style="dim"), (0, 0, 0, 4)))


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _remarks(inspection: Inspection) -> Iterator[Text]:
    by_reason: dict[str, int] = {}
    for dropped in inspection.plan.dropped:
        by_reason[dropped.kind] = by_reason.get(dropped.kind, 0) + 1
    for reason, count in by_reason.items():
        yield plain(f"not converted: {count} {'tensor' if count == 1 else 'tensors'} ({reason})")
    for alias, owner in inspection.plan.aliases.items():
        yield plain(f"shared: {printable(alias)} is {printable(owner)}")
    for ignored in inspection.match.checkpoint.ignored:
        yield plain(f"ignored: {ignored}")
    for warning in inspection.match.checkpoint.warnings:
        yield Text.assemble(("warning:", "yellow"), " ", plain(warning))
