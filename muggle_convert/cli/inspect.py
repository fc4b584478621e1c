"""muggle-convert inspect CHECKPOINT"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import PATH, ReadingCommand, complete_model, like_option, reading_options
from muggle_convert.errors import Refusal, as_told
from muggle_convert.files.target import check_target

if TYPE_CHECKING:
    from muggle_convert.identify.match import Match


@click.command("inspect", cls=ReadingCommand, short_help="Show what a checkpoint is and how each value is known.")
@click.argument("checkpoint", shell_complete=complete_model)
@reading_options
@like_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--picture", metavar="OUT.svg", type=PATH, help="Also draw the network: shapes, parameters and FLOPs.")
@click.option("--size", metavar="ROWSxCOLUMNS", help="The input size for --picture; by default as in training.")
@click.option("--force", is_flag=True, help="Replace an existing picture.")
def command(checkpoint: str, reading: dict[str, Any], as_json: bool, picture: Path | None, size: str | None, force: bool) -> None:
    """Say what CHECKPOINT is, how large it is, and how each value of its configuration is known."""
    from muggle_convert.inspecting import inspect
    from muggle_convert.inspection import Inspection

    if size is not None and picture is None:
        raise click.UsageError("--size applies only to --picture; give both or neither.")
    inspection = inspect(checkpoint, **reading)
    if picture is not None:
        check_target(picture, force)
        if not isinstance(inspection, Inspection):
            raise Refusal(f"{printable(checkpoint)} does not say what network it is, so that none can be drawn; pass --like CHECKPOINT.")
        _draw(inspection.match, picture, size)
        click.echo(f"drew {printable(picture)}", err=True)
    if as_json:
        click.echo(json.dumps(inspection.to_dict(), indent=1))
    else:
        from muggle_convert.cli.inspection_tables import show, show_graph

        show(inspection) if isinstance(inspection, Inspection) else show_graph(inspection)


def _draw(match: Match, target: Path, size: str | None) -> None:
    if target.suffix.lower() != ".svg":
        raise Refusal(f"{printable(target)} does not end in .svg, the format in which networks are drawn.")
    image = match.config.image
    sides = size.lower().split("x") if size else [str(image.size), str(image.size_across or image.size)]
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise Refusal(f"--size {size!r} is not ROWSxCOLUMNS, such as --size {image.size}x{image.size}.")
    from muggle_convert.draw.diagrams.measure import measure
    from muggle_convert.draw.diagrams.model import draw_network
    from muggle_convert.files.atomic import replacing

    rows, columns = map(int, sides)
    with as_told(f"the network cannot be drawn for an input of {rows} x {columns}", "pass another --size, or convert the original again"):
        parts = measure(match.config, rows, columns)
    name, exact = match.released
    title = f"{match.family.title}, {name}" if exact else match.family.title
    with replacing(target) as partial:
        partial.write_text(draw_network(match.config, parts, rows, columns, title), encoding="utf-8")
