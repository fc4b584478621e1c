"""muggle-convert inspect CHECKPOINT"""

from __future__ import annotations

import click

from muggle_convert.cli.options import parse_settings, reading_options


@click.command("inspect")
@click.argument("checkpoint")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    checkpoint: str, family: str | None, settings: tuple[str, ...], state: str | None, drops: tuple[str, ...], as_json: bool
) -> None:
    """Say what CHECKPOINT is, how large, and how each value of its configuration is known."""
    from muggle_convert.inspection import inspect

    inspection = inspect(checkpoint, family=family, overrides=parse_settings(settings), state=state, drops=drops)
    if as_json:
        import json

        print(json.dumps(inspection.to_dict(), indent=1))
    else:
        from muggle_convert.cli.inspection_tables import show

        show(inspection)
