"""muggle-convert export CONVERTED --to original -o OUT.pth"""

from __future__ import annotations

from pathlib import Path

import click

from muggle_convert.cli.options import parse_settings, reading_options


@click.command("export", short_help="Write the original layout, or a folder for transformers.")
@click.argument("converted")
@click.option("--to", type=click.Choice(["original", "transformers"]), required=True, help="Whose names and files to write.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="A file, .pth or .safetensors; for transformers a folder."
)
@click.option(
    "--with", "keeper", metavar="ORIGINAL", help="Take tensors that the network never reads from here; --state then applies to this."
)
@click.option("--fill-unused", is_flag=True, help="Write zeros for tensors that the network never reads and that were not kept.")
@click.option("--max-shard-size", metavar="SIZE", help="Split .safetensors files at this size, such as 5GB.")
@reading_options
@click.option("--no-sync", is_flag=True, help="Do not fsync the files.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    converted: str,
    to: str,
    out: Path,
    keeper: str | None,
    fill_unused: bool,
    max_shard_size: str | None,
    family: str | None,
    settings: tuple[str, ...],
    state: str | None,
    drops: tuple[str, ...],
    no_sync: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write CONVERTED back in the original layout, or as a folder that transformers loads. It may also be a checkpoint of any layout."""
    from muggle_convert.exporting import export
    from muggle_convert.exporting.shards import size_in_bytes

    exported = export(
        converted,
        out,
        to,
        keeper=keeper,
        fill_unused=fill_unused,
        max_shard_size=size_in_bytes(max_shard_size) if max_shard_size else None,
        family=family,
        overrides=parse_settings(settings),
        state=state,
        drops=drops,
        sync=not no_sync,
        force=force,
    )
    from muggle_convert.cli.way_back import print_export

    print_export(exported, as_json)
