"""From what is known of a file to a model that can be trained: its attention, its unit, its copy of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from model_defs.config import OutputConfig
from model_defs.network import Network
from muggle_convert.building import load
from muggle_convert.evaluation.datasets import Dataset, Pair
from muggle_convert.evaluation.judging import Rules
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.identify.match import Match
from muggle_convert.placement import Placement, best_device

from .attention import plugged
from .first_alignment import aligned, set_output
from .trainable import trainable


@dataclass(frozen=True)
class Prepared:
    """The model, and the reason for everything in its configuration that no longer is what it was."""

    model: Network
    changes: Mapping[str, Evidence]


def prepared(matched: Match, attention: str | None, seed: int, device: str | None) -> Prepared:
    """A new attention begins with random numbers, the same ones for the same seed."""
    torch.manual_seed(seed)
    model, changes = load(matched, Placement("cpu", "float32")), {}
    if attention is not None:
        new = plugged(model, attention)
        model, changes = new.model, dict(new.changes)
        print(new.remark)
    return Prepared(trainable(model).to(Placement(device or best_device()).place), changes)


def in_metres(before: Prepared, pairs: Sequence[Pair], rules: Rules, dataset: Dataset, known: OutputConfig | None) -> Prepared:
    """The model as a metric one, aligned over the training pictures unless that was done before."""
    output = known or aligned(before.model, pairs, rules, dataset)
    if output != before.model.config.output:
        set_output(before.model, output)
        print(f"depth = 1 / ({output.scale:.6g} * prediction + {output.shift:.6g}), fitted over the training pictures")
    why = Evidence(Source.ARGUMENTS, f"one scale and one shift, fitted over {len(pairs)} training pictures")
    changed = {f"output.{name}": why for name in ("kind", "invert", "scale", "shift")}
    return Prepared(before.model, {**before.changes, **changed})
