"""What `convert` prints: the plan, or what was done."""

from __future__ import annotations

import json
from typing import Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.families.shared.evidence import as_json_value
from muggle_convert.identify.assumptions import assumptions
from muggle_convert.identify.match import Match
from muggle_convert.plan import Plan
from muggle_convert.writing.converted_file import Report

MOST_REASONS = 3


def print_plan(settled: Plan, as_json: bool) -> None:
    """Every tensor and its fate."""
    if as_json:
        click.echo(json.dumps(_plan(settled), indent=1))
        return
    _headline(settled.match)
    click.echo("would write:")
    for output in settled.outputs:
        origins = " + ".join(map(printable, output.made.origins))
        click.echo(f"  {origins} -> {printable(output.name)}  {output.dtype.code} {list(output.shape)}")
    for alias, owner in settled.aliases.items():
        click.echo(f"  {printable(alias)} = {printable(owner)}")
    for dropped in settled.dropped:
        click.echo(f"  {printable(dropped.entry.name)} -> dropped: {printable(dropped.reason)}")
    click.echo(_summary(settled))


def print_report(report: Report, as_json: bool) -> None:
    if as_json:
        written = {"target": str(report.target), "source": report.document.source, "warnings": list(report.warnings)}
        click.echo(json.dumps({**_facts(report.plan), **written, "largest_cast_error": report.largest_cast_error}, indent=1))
        return
    _headline(report.plan.match)
    click.echo(_summary(report.plan))
    for dropped in report.plan.dropped:
        if dropped.fate is None:
            click.echo(f"  {printable(dropped.entry.name)}: {printable(dropped.reason)}")
    if report.largest_cast_error is not None:
        click.echo(f"largest relative error of the new element type: {report.largest_cast_error:.2e}")
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    size, source = report.target.stat().st_size, report.document.source["fingerprint"][:16]
    click.echo(f"wrote {printable(report.target)}: {size:,} bytes, of a source with the fingerprint {source}")


def _facts(settled: Plan) -> dict[str, Any]:
    matched = settled.match
    counted = {"tensors": settled.counts(), "aliases": settled.aliases}
    return {"family": matched.family.name, "layout": matched.layout, "evidence": as_json_value(matched.evidence), **counted}


def _plan(settled: Plan) -> dict[str, Any]:
    outputs = [
        {"name": output.name, "from": list(output.made.origins), "dtype": output.dtype.code, "shape": list(output.shape)}
        for output in settled.outputs
    ]
    dropped = {dropped.entry.name: dropped.reason for dropped in settled.dropped}
    return {**_facts(settled), "outputs": outputs, "dropped": dropped}


def _headline(matched: Match) -> None:
    name, exact = matched.released
    like = f", {name}" if exact else f", nearest to {name}" if name else ""
    click.echo(f"{printable(matched.checkpoint.name)}: {matched.family.title}{like}")
    for what in matched.checkpoint.unwrapped:
        click.echo(f"  {what}")
    for assumed in assumptions(matched):
        click.echo(f"  assumed: {assumed}")


def _summary(settled: Plan) -> str:
    counts = settled.counts()
    parts = [f"{number} {fate}" for fate, number in counts.items() if number and fate not in ("source", "written")]
    reasons = sorted({dropped.kind for dropped in settled.dropped if dropped.fate is not None})
    dropped = f" ({shortened(reasons)})" if reasons else ""
    return f"{counts['source']} tensors: {', '.join(parts)}{dropped}"


def shortened(reasons: list[str]) -> str:
    """The reasons, or the first few of many."""
    more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
    return "; ".join(map(printable, reasons[:MOST_REASONS])) + more
