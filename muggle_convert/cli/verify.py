"""muggle-convert verify ORIGINAL CONVERTED"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import complete_model

if TYPE_CHECKING:
    from muggle_convert.verifying import Verification

MOST_SHOWN = 20


@click.command("verify", short_help="Compare a converted file with its original, bit for bit.")
@click.argument("original", shell_complete=complete_model)
@click.argument("converted", shell_complete=complete_model)
@click.option("--backbone", metavar="FILE", help="The backbone of ORIGINAL, if that is a head without it.")
@click.option("--state", metavar="KEY", help="Which weights of a training checkpoint to compare with, such as ema.")
@click.option("--predict", is_flag=True, help="Also run both and report the largest difference of their predictions.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict on every tensor as JSON.")
def command(original: str, converted: str, backbone: str | None, state: str | None, predict: bool, as_json: bool) -> None:
    """Map CONVERTED back to the names of ORIGINAL and compare every tensor bit for bit, and everything else that it says of itself; exit
    status 1 if anything differs or is unaccounted for."""
    from muggle_convert.verifying import verify

    verification = verify(original, converted, backbone=backbone, state=state, predict=predict)
    if as_json:
        click.echo(json.dumps(_facts(verification), indent=1))
    else:
        _show(verification)
    sys.exit(0 if verification.holds else 1)


def _facts(verification: Verification) -> dict[str, object]:
    return {
        "holds": verification.holds,
        "layout": verification.original.layout,
        "tensors": {verdict.name: [verdict.fared.name.lower(), verdict.detail] for verdict in verification.verdicts},
        "different": [[remark.what, remark.said, remark.about] for remark in verification.different],
        "only_told": [[remark.what, remark.said, remark.about] for remark in verification.only_told],
        "largest_rounding": verification.largest_rounding,
        "predictions": verification.predictions,
    }


def _show(verification: Verification) -> None:
    from muggle_convert.cli.report import shortened
    from muggle_convert.verifying import FAILURES

    click.echo(f"{len(verification.verdicts)} tensors, {verification.original.layout} layout:")
    for fared, count in verification.counts.items():
        details = sorted({verdict.detail for verdict in verification.verdicts if verdict.fared is fared and verdict.detail})
        because = f" ({shortened(details)})" if details and fared not in FAILURES else ""
        click.echo(f"  {count:5} {fared.value}{because}")
    failed = [verdict for verdict in verification.verdicts if verdict.fared in FAILURES]
    for verdict in failed[:MOST_SHOWN]:
        click.echo(f"{printable(verdict.name)}: {verdict.fared.value}" + (f" ({printable(verdict.detail)})" if verdict.detail else ""))
    if len(failed) > MOST_SHOWN:
        click.echo(f"and {len(failed) - MOST_SHOWN} more")
    if verification.largest_rounding is not None:
        click.echo(f"largest relative error of the rounding: {verification.largest_rounding:.2e}")
    for remark in verification.different:
        click.echo(f"different: {remark}")
    for remark in verification.only_told:
        click.echo(f"no tensor tells: {remark}")
    for size, difference in (verification.predictions or {}).items():
        click.echo(f"predictions at {size}: largest difference {difference:.2e} standard deviations")
    click.echo(_conclusion(verification))


def _conclusion(verification: Verification) -> str:
    from muggle_convert.verifying import FAILURES, LEFT_OUT

    if not verification.is_comparable:
        return "the predictions cannot be compared: one network predicts NaN or infinity, or the original the same value everywhere"
    file = "graph" if verification.converted.graph is not None else "converted file"
    if not verification.is_close:
        return f"the {file} predicts otherwise than this original: more than {verification.bound:g} standard deviations lie between them"
    if any(verdict.fared in FAILURES for verdict in verification.verdicts):
        return f"the {file} is not this original"
    if verification.different:
        return f"the tensors are those of the original, and what the {file} says beside them is not"
    besides = "; what no tensor tells is listed above" if verification.only_told else ""
    if left_out := sum(verification.counts.get(fared, 0) for fared in LEFT_OUT):
        return f"the {file} holds the original, except for the {left_out} left out{besides}"
    return f"the {file} holds all of the original{besides}"
