"""muggle-convert verify ORIGINAL CONVERTED"""

from __future__ import annotations

import sys

import click


@click.command("verify", short_help="Compare a converted file with its original, bit for bit.")
@click.argument("original")
@click.argument("converted")
@click.option("--state", metavar="KEY", help="Which weights of a training checkpoint to compare with, such as ema.")
@click.option("--predict", is_flag=True, help="Also run both and report the largest difference of their predictions.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict on every tensor as JSON.")
def command(original: str, converted: str, state: str | None, predict: bool, as_json: bool) -> None:
    """Map CONVERTED back to the names of ORIGINAL and compare every tensor bit for bit; exit status 1 if any tensor differs or is unaccounted for."""
    from muggle_convert.cli.way_back import print_verification
    from muggle_convert.verifying import verify

    verification = verify(original, converted, state=state, predict=predict)
    print_verification(verification, as_json)
    sys.exit(0 if verification.holds else 1)
