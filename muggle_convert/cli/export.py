"""muggle-convert export CONVERTED --to original -o OUT.pth, and the same to a folder for transformers or a graph for ONNX Runtime"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli import export_onnx
from muggle_convert.cli.export_onnx import graph_options
from muggle_convert.cli.options import PATH, ReadingCommand, complete_model, limits_of, max_output_option, reading_options
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from muggle_convert.exporting import Exported


@click.command("export", cls=ReadingCommand, short_help="Write the original layout, a folder for transformers, or ONNX.")
@click.argument("converted", shell_complete=complete_model)
@click.option("--to", type=click.Choice(["original", "transformers", "onnx"]), required=True, help="Whose names and files to write.")
@click.option("-o", "--out", type=PATH, required=True, help="A file, .pth, .safetensors or .onnx; for transformers a folder.")
@click.option(
    "--backbone-out", type=PATH, metavar="FILE", help="Where to write the backbone, if the original keeps it in a file of its own."
)
@click.option(
    "--with",
    "keeper",
    metavar="ORIGINAL",
    help="Take tensors that the network never reads from here; --state and --backbone then apply to this.",
)
@click.option("--fill-unused", is_flag=True, help="Write zeros for tensors that the network never reads and that were not kept.")
@click.option("--max-shard-size", metavar="SIZE", help="Split .safetensors files at this size, such as 5GB.")
@graph_options
@max_output_option
@reading_options
@click.option("--no-sync", is_flag=True, help="Do not fsync the files.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    converted: str,
    out: Path,
    to: str,
    max_shard_size: str | None,
    max_output: int | None,
    reading: dict[str, Any],
    asked: dict[str, Any],
    no_sync: bool,
    as_json: bool,
    force: bool,
    **more: Any,
) -> None:
    """Write CONVERTED back in the original layout, as a folder that transformers loads, or as a graph for ONNX Runtime, which is run and compared
    with the network first. CONVERTED may also be a checkpoint of any layout."""
    if to == "onnx":
        others = {
            "--max-shard-size": max_shard_size,
            "--max-output": max_output,
            **{f"--{name.replace('_', '-')}": value for name, value in more.items()},
        }
        _refuse_given({name: value for name, value in others.items() if value}, "onnx")
        written = export_onnx.write_graph(converted, out, asked, reading, sync=not no_sync, force=force)
        if as_json:
            click.echo(json.dumps(export_onnx.facts(written), indent=1))
        else:
            export_onnx.show(written)
        return
    _refuse_given(asked, to)
    from muggle_convert.exporting import export
    from muggle_convert.exporting.shards import size_in_bytes

    largest = size_in_bytes(max_shard_size) if max_shard_size else None
    exported = export(
        converted, out, to, max_shard_size=largest, sync=not no_sync, force=force, limits=limits_of(max_output), **reading, **more
    )
    if as_json:
        click.echo(json.dumps(_facts(exported), indent=1))
    else:
        _show(exported)


def _refuse_given(options: Mapping[str, Any], to: str) -> None:
    for name in options:
        shown = "--with" if name == "--keeper" else name
        raise Refusal(f"{shown} means nothing with --to {to}; leave it out.")


def _facts(exported: Exported) -> dict[str, object]:
    restored = exported.restored
    return {
        "layout": exported.layout,
        "files": [str(file) for file in exported.files],
        "tensors": len(restored.contents),
        "computed": list(restored.derived),
        "zeros": list(restored.zeros),
        "gone": dict(restored.gone),
    }


def _show(exported: Exported) -> None:
    restored = exported.restored
    click.echo(f"wrote {len(restored.contents)} tensors in the {exported.layout} layout:")
    for file in exported.files:
        click.echo(f"  {printable(file)}: {file.stat().st_size:,} bytes")
    if restored.derived:
        click.echo(f"recomputed: {_listed(restored.derived)}")
    if restored.zeros:
        click.echo(f"filled with zeros, as these unused tensors were not kept: {_listed(restored.zeros)}")
    for name, reason in restored.gone.items():
        click.echo(f"missing: {printable(name)} ({printable(reason)})")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(printable, names[:3])) + more
