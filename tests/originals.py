"""Checkpoints under original names, made from our own networks by the inverse rules."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from muggle_convert.identify.match import Match
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.rules import Rule, RuleSet


def original_state(model: torch.nn.Module, rules: RuleSet) -> dict[str, torch.Tensor]:
    """A network's weights as the original would have saved them, without the tensors that the network does not have."""
    held = model.state_dict()
    state: dict[str, torch.Tensor] = {}
    for name in held:
        place = rules.of_canonical(name)
        assert place is not None and isinstance(place.rule, Rule), name
        tensors = [held[str(sibling)] for sibling in place.siblings(place.rule.canonical)]
        assemblies = place.rule.operation.backward([tuple(tensor.shape) for tensor in tensors])
        for original, assembly in zip(place.siblings(place.rule.original), assemblies, strict=True):
            runs = [tensors[run.source or 0].reshape(-1)[run.start : run.start + run.count] for run in assembly.runs]
            assert sum(len(run) for run in runs) == math.prod(assembly.shape)
            state[str(original)] = torch.cat(runs).reshape(assembly.shape).clone()
    return state


def save_original(model: torch.nn.Module, rules: RuleSet, path: Path) -> Path:
    torch.save(original_state(model, rules), path)
    return path


def match_file(path: Path, family: str | None = None, **overrides: Any) -> Match:
    return read(path, ReadOptions(family=family, overrides=overrides))
