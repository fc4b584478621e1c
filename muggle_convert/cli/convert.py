"""muggle-convert CHECKPOINT -o OUT.safetensors"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click

from muggle_convert.cli.options import PATH, ReadingCommand, complete_model, limits_of, max_output_option, reading_options
from muggle_convert.errors import Assumption
from muggle_convert.files.casting import FLOAT_TYPES


@click.command("convert", cls=ReadingCommand, short_help="Convert a checkpoint to one safetensors file; the default.")
@click.argument("checkpoint", shell_complete=complete_model)
@click.option("-o", "--out", type=PATH, help="The file to write, ending in .safetensors.")
@reading_options
@click.option("--dtype", type=click.Choice(list(FLOAT_TYPES)), help="Write floats in this precision; by default they stay as they are.")
@click.option(
    "--keep-unused", is_flag=True, help="Keep tensors that the network never reads, so that the original can be restored exactly."
)
@click.option("--licence", "--license", "licence", metavar="NAME", help="The licence of the weights, which the file then carries.")
@click.option("--strict-finite", is_flag=True, help="Refuse weights that are NaN or infinite.")
@click.option("--sha256", is_flag=True, help="Also record the SHA-256 of the whole source.")
@click.option("--no-sync", is_flag=True, help="Do not fsync the file.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@max_output_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    checkpoint: str,
    out: Path | None,
    reading: dict[str, Any],
    no_sync: bool,
    max_output: int | None,
    dry_run: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Convert CHECKPOINT to one safetensors file in the model's own names."""
    from muggle_convert.cli.report import print_plan, print_report
    from muggle_convert.converting import convert, preview

    if out is None and not dry_run:
        raise click.UsageError("say where to write with -o OUT.safetensors, or look first with --dry-run.")
    options = {**reading, **more, "limits": limits_of(max_output), "sync": not no_sync}
    if dry_run or out is None:
        print_plan(preview(checkpoint, **options), as_json)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Assumption)  # which the report says
            report = convert(checkpoint, out, **options)
        print_report(report, as_json)
