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
from muggle_convert.inspection import GraphInspection, Inspection
from muggle_convert.onnx.description import Graph
from muggle_convert.outputs import sentence_about

MOST_SHOWN = 40  # of a stranger's texts and tensors
WIDE = 120  # columns, enough for a reason beside its value


def show(inspection: Inspection) -> None:
    terminal = console()
    print_table(terminal, _overview(inspection))
    if inspection.graph is not None:
        print_table(terminal, _graph(inspection.graph, inspection.match.graph))
    print_table(terminal, _parts(inspection))
    if terminal.width < WIDE:
        _print_configuration(terminal, inspection)
    else:
        print_table(terminal, _configuration(inspection))
    for line in _remarks(inspection):
        terminal.print(line)


def show_graph(inspection: GraphInspection) -> None:
    """A graph that does not say what network it is."""
    terminal, checkpoint, graph = console(), inspection.checkpoint, inspection.graph
    table = _facts()
    table.add_row("file", plain(checkpoint.name))
    table.add_row("model", "not said: muggle-convert did not write this graph; --like CHECKPOINT tells it what it is")
    table.add_row(
        "size", f"{inspection.numbers / 1e6:,.1f} million numbers, {graph.stamp.size / 1e6:,.1f} MB, {', '.join(inspection.types)}"
    )
    table.add_row("written by", plain(graph.producer or "not said"))
    for key, value in list(checkpoint.metadata.items())[:MOST_SHOWN]:
        table.add_row("metadata", plain(f"{printable(key)}: {printable(value)}"))
    print_table(terminal, table)
    print_table(terminal, _graph(inspection))
    constants = Table("tensor", "type", "shape", box=box.SIMPLE_HEAD)
    for constant in graph.constants[:MOST_SHOWN]:
        constants.add_row(plain(constant.name), constant.type, plain(list(constant.shape)))
    print_table(terminal, constants)
    if len(graph.constants) > MOST_SHOWN:
        terminal.print(f"and {len(graph.constants) - MOST_SHOWN:,} more tensors, which --json lists")


def _graph(inspection: GraphInspection, described: Graph | None = None) -> Table:
    """What it takes and gives, and what it is made of."""
    graph, table = inspection.graph, _facts()
    for what, values in (("takes", graph.inputs), ("gives", graph.outputs)):
        for value in values[:MOST_SHOWN]:
            sides = "of any shape" if value.shape is None else "(" + ", ".join(str(side or "any") for side in value.shape) + ")"
            table.add_row(what, plain(f"{printable(value.name)}: {value.type} {printable(sides)}"))
    opsets = ", ".join(f"{printable(domain or 'ai.onnx')} {version}" for domain, version in graph.opsets.items())
    table.add_row("operators", plain(f"{sum(graph.operators.values()):,} of {len(graph.operators)} kinds, of {opsets or 'no set'}"))
    if graph.foreign:
        table.add_row("not ONNX's own", plain(", ".join(map(printable, graph.foreign[:MOST_SHOWN]))))
    if described is not None:
        tried = ", ".join("x".join(map(str, trial.shape)) for trial in described.trials if trial.error is not None)
        table.add_row("computes in", described.precision + (", with its preprocessing" if described.has_preprocessing else ""))
        table.add_row(
            "tried with", f"{tried or 'nothing'}; largest error {described.largest_error:.1e} standard deviations of the network's"
        )
        for trial in described.trials:
            if trial.error is None:
                table.add_row("cannot take", plain(f"{'x'.join(map(str, trial.shape))}: {printable(trial.problem or 'not said why')}"))
    return table


def _facts() -> Table:
    """A column of words and one of what they are."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    return table


def _overview(inspection: Inspection) -> Table:
    match, source = inspection.match, inspection.source
    name, exact = match.released
    table = _facts()
    table.add_row("file", plain(match.checkpoint.name))
    table.add_row("model", match.family.title + (f", released as [bold]{name}[/]" if exact else f", nearest to {name}" if name else ""))
    table.add_row("predicts", sentence_about(match.config.output, match.config.head.channels))
    table.add_row(
        "size",
        f"{inspection.parameters / 1e6:,.1f} million parameters, {match.checkpoint.stored_size / 1e6:,.1f} MB, {', '.join(inspection.dtypes)}",
    )
    inside = "an ONNX graph" if match.graph is not None else f"{match.layout}, in a {match.checkpoint.container}"
    table.add_row("layout", inside)
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
