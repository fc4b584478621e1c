"""Evaluation results on a model card: a table for people, and a model index for the Hub."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.safe_text import markdown
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.metrics import NAMES
from muggle_convert.evaluation.results import Results, Row, read_results
from muggle_convert.inspection import Inspection


def own_results(path: Path, inspection: Inspection) -> Results:
    """The row of the model being pushed, recognised by its weights: another model's numbers do not belong on its card."""
    results = read_results(path)
    fingerprint, dtype = inspection.source.get("fingerprint"), next(iter(inspection.dtypes))
    own = [row for row in results.rows if fingerprint and (row.fingerprint, row.dtype) == (fingerprint, dtype)]
    if not own:
        evaluated = ", ".join(printable(row.model) for row in results.rows)
        raise Refusal(
            f"{printable(path)} has numbers for {evaluated}, and none of them is the model being pushed, in {dtype}: evaluate that one, or leave --results out."
        )
    return replace(results, rows=own[:1])


def model_index(name: str, results: Results) -> str:
    """The lines of the front matter from which the Hub reads evaluation results."""
    (row,) = results.rows
    metrics = [{"type": key, "name": title, "value": round(row.numbers[key], 6)} for key, (title, _) in NAMES.items()]
    dataset = {"type": _identifier(results), "name": printable(results.called), "args": _rules(results, row)}
    entry = {"name": name, "results": [{"task": {"type": "depth-estimation"}, "dataset": dataset, "metrics": metrics}]}
    return f"model-index:\n- {json.dumps(entry)}\n"  # JSON is YAML


def _identifier(results: Results) -> str:
    """As the Hub has them: the name of a repository with data where it is one, otherwise one word."""
    if results.data is None:
        return "unnamed-folder"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", results.data, re.ASCII):
        return results.data
    return re.sub(r"[^a-z0-9]+", "-", results.data.lower()).strip("-") or "unnamed"


def evaluation_table(results: Results) -> str:
    (row,) = results.rows
    cells = [f"{title} {'↑' if is_larger_better else '↓'}" for title, is_larger_better in NAMES.values()]
    numbers = [f"{row.numbers[key]:.4f}" for key in NAMES]
    lines = ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells), "| " + " | ".join(numbers) + " |"]
    said = "; ".join(f"{key.replace('_', ' ')}: {markdown(value)}" for key, value in _rules(results, row).items())
    return (
        "\n".join(lines) + f"\n\nOn {results.images} images of {markdown(results.called)} ({said}), measured with `muggle-convert eval`.\n"
    )


def _rules(results: Results, row: Row) -> dict[str, str]:
    """How it was measured, without which the numbers mean little."""
    aligned = row.align if row.align == "none" else f"{row.align} per {results.align_over}"
    cap = f"{results.cap:g} m" if results.cap else "none"
    return {"crop": results.crop, "kb_crop": "yes" if results.kb_crop else "no", "cap": cap, "alignment": aligned}
