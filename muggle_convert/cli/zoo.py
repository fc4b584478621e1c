"""muggle-convert zoo, and muggle-convert zoo get NAME"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muggle_convert.cli.options import PATH
from muggle_convert.files.target import make_folder

if TYPE_CHECKING:
    from rich.table import Table

    from muggle_convert.hub.zoo import Entry

KINDS = ("backbone", "points", "scene", "views", "relative", "metres", "classes")  # the most telling first


@click.group("zoo", short_help="List the published checkpoints, or fetch one.", invoke_without_command=True)
@click.option("--long", "is_long", is_flag=True, help="Also show the family and the address of each.")
@click.option("--commercial", is_flag=True, help="Only those whose licence is known to allow commercial use.")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON.")
@click.pass_context
def command(context: click.Context, is_long: bool, commercial: bool, as_json: bool) -> None:
    """List the published checkpoints of all families; `zoo get NAME` fetches one."""
    if context.invoked_subcommand is not None:
        return
    from muggle_convert.hub.zoo import entries

    listed = [entry for entry in entries() if entry.is_commercial or not commercial]
    if as_json:
        rows = [{key: value for key, value in asdict(entry).items() if value is not None} for entry in listed]
        click.echo(json.dumps(rows, indent=1))
    elif is_long:
        for entry in listed:
            click.echo(
                f"{entry.name}\n  {entry.family}, {entry.million_parameters} million parameters, {entry.licence}, {entry.predicts}\n  {entry.place}"
            )
    else:
        _show(listed)


def _show(entries: list[Entry]) -> None:
    """Names and licences are never broken across lines; where a terminal is too narrow for what a model predicts, one word tells."""
    from rich.measure import Measurement

    from muggle_convert.cli.terminal import NO_EDGE, console, print_table

    where, table = console(), _table(entries, is_narrow=False)
    if Measurement.get(where, where.options.update(width=NO_EDGE), table).maximum > where.width:
        table = _table(entries, is_narrow=True)
    print_table(where, table)
    click.echo("\nM: million parameters. `zoo --long` shows addresses, `zoo get NAME` fetches one.")


def _table(entries: list[Entry], is_narrow: bool) -> Table:
    from rich.table import Table

    from muggle_convert.cli.terminal import plain

    table = Table(box=None, padding=(0, 1 if is_narrow else 2, 0, 0), pad_edge=False, header_style="bold")
    for title in ("name", "M" if is_narrow else "size", "licence", "predicts"):
        table.add_column(title, no_wrap=True, justify="right" if title == "M" else "left")
    for entry in entries:
        size = str(entry.million_parameters) if is_narrow else f"{entry.million_parameters} M"
        predicts = _in_a_word(entry.predicts) if is_narrow else entry.predicts
        table.add_row(entry.name, size, plain(entry.licence), plain(predicts))
    return table


def _in_a_word(predicts: str) -> str:
    """The kind of what a model predicts; the first word of what nobody here thought of."""
    return next((word for word in KINDS if word in predicts), predicts.partition(" ")[0])


@command.command("get")
@click.argument("name")
@click.option("-o", "--out", "folder", type=PATH, default=Path(), help="The folder for the file; the current one by default.")
@click.option("--convert", "is_converted", is_flag=True, help="Also convert it; the original is kept.")
@click.option("--force", is_flag=True, help="Replace existing files.")
def get(name: str, folder: Path, is_converted: bool, force: bool) -> None:
    """Fetch the checkpoint NAME, resuming an interrupted download."""
    from muggle_convert.files.atomic import replacing
    from muggle_convert.hub.locate import cached
    from muggle_convert.hub.zoo import entry as find

    entry = find(name)
    make_folder(folder)
    target = folder / entry.file_name
    if entry.is_non_commercial:
        click.echo(f"the licence {entry.licence} does not allow commercial use", err=True)
    if target.exists() and not force:
        click.echo(f"{target} is there already; --force fetches it again")
    elif entry.repository is not None:
        source = cached(entry)
        with replacing(target) as partial:
            shutil.copyfile(source, partial)  # a copy, as the Hub's cache keeps its own
    else:
        _download(entry.url or "", target, entry.size, entry.hash_prefix)
    click.echo(str(target))
    if is_converted:
        from muggle_convert.converting import convert

        licence = entry.licence if entry.licence != "unknown" else None
        report = convert(target, target.with_suffix(".safetensors"), family=entry.family, licence=licence, force=force)
        click.echo(str(report.target))


def _download(url: str, target: Path, size: int | None, hash_prefix: str | None) -> None:
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from muggle_convert.cli.terminal import progress_bar
    from muggle_convert.hub.download import download

    with progress_bar("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(target.name, total=size)
        download(url, target, size, hash_prefix, lambda done, whole: bar.update(task, completed=done, total=whole))
