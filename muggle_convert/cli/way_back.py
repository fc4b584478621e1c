"""What `export` and `verify` print."""

from __future__ import annotations

import json

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.report import shortened
from muggle_convert.exporting import Exported
from muggle_convert.verifying import FAILURES, LEFT_OUT, Verification

MOST_SHOWN = 20


def print_export(exported: Exported, as_json: bool) -> None:
    restored = exported.restored
    if as_json:
        facts = {"layout": exported.layout, "files": [str(file) for file in exported.files], "tensors": len(restored.contents)}
        click.echo(
            json.dumps({**facts, "computed": list(restored.derived), "zeros": list(restored.zeros), "gone": dict(restored.gone)}, indent=1)
        )
        return
    click.echo(f"wrote {len(restored.contents)} tensors in the {exported.layout} layout:")
    for file in exported.files:
        click.echo(f"  {printable(file)}: {file.stat().st_size:,} bytes")
    if restored.derived:
        click.echo(f"recomputed: {_listed(restored.derived)}")
    if restored.zeros:
        click.echo(f"filled with zeros, as these unused tensors were not kept: {_listed(restored.zeros)}")
    for name, reason in restored.gone.items():
        click.echo(f"missing: {printable(name)} ({printable(reason)})")


def print_verification(verification: Verification, as_json: bool) -> None:
    if as_json:
        verdicts = {verdict.name: [verdict.fared.name.lower(), verdict.detail] for verdict in verification.verdicts}
        facts = {"holds": verification.holds, "layout": verification.original.layout, "tensors": verdicts}
        more = {"largest_rounding": verification.largest_rounding, "predictions": verification.predictions}
        click.echo(json.dumps({**facts, **more}, indent=1))
        return
    click.echo(f"{len(verification.verdicts)} tensors, {verification.original.layout} layout:")
    for fared, count in verification.counts.items():
        details = sorted({verdict.detail for verdict in verification.verdicts if verdict.fared is fared and verdict.detail})
        because = f" ({shortened(details)})" if details and fared not in FAILURES else ""
        click.echo(f"  {count:5} {fared.value}{because}")
    failed = [verdict for verdict in verification.verdicts if verdict.fared in FAILURES]
    for verdict in failed[:MOST_SHOWN]:
        click.echo(f"{printable(verdict.name)}: {verdict.fared.value}" + (f" ({verdict.detail})" if verdict.detail else ""))
    if len(failed) > MOST_SHOWN:
        click.echo(f"and {len(failed) - MOST_SHOWN} more")
    if verification.largest_rounding is not None:
        click.echo(f"largest relative error of the rounding: {verification.largest_rounding:.2e}")
    for size, difference in (verification.predictions or {}).items():
        click.echo(f"predictions at {size}: largest difference {difference:.2e} standard deviations")
    click.echo(_conclusion(verification))


def _conclusion(verification: Verification) -> str:
    if not verification.is_comparable:
        return (
            "the predictions cannot be compared: one network predicts NaN or infinity, or the original predicts the same value everywhere"
        )
    if not verification.holds:
        return "the converted file is not this original"
    if left_out := sum(verification.counts.get(fared, 0) for fared in LEFT_OUT):
        return f"the converted file holds the original, except for the {left_out} left out"
    return "the converted file holds all of the original"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(printable, names[:3])) + more
