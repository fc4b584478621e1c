"""Sides of inputs that are not known yet: torch's exporters follow a network with symbols in the place of numbers.

A graph that is to hold for every size must not depend on a decision that Python made for one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def is_known(*sides: int) -> bool:
    """Whether these are numbers."""
    return all(isinstance(side, int) for side in sides)


def as_tensor(side: int, like: Tensor) -> Tensor:
    """A side that values are computed from, in float32 or better."""
    return torch.scalar_tensor(side, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)


def holds(condition: Tensor) -> bool:
    """Whether it holds, for a check that exporters and what computes only shapes leave out: they have no values."""
    return not condition.is_meta and not torch.compiler.is_compiling() and bool(condition)


def laid_out(attended: Tensor) -> Tensor:
    """As its shape says: exporters choose only later which kernel attends, and each kernel lays its result out in memory its own way."""
    return attended.clone(memory_format=torch.contiguous_format) if torch.compiler.is_exporting() else attended


def view_by_view(tap: Tensor) -> Sequence[Tensor]:
    """What was tapped of each view, (B, views, ...) -> (B, ...) each; all of them as one batch where nobody knows how many there are."""
    return tap.unbind(1) if is_known(tap.shape[1]) else [tap.flatten(0, 1)]


def views_joined(found: Sequence[Tensor], scenes: tuple[int, int]) -> Tensor:
    """The way back, for so many scenes of so many views."""
    return torch.stack(list(found), dim=1) if is_known(scenes[1]) else found[0].unflatten(0, scenes)


def pieces(tensor: Tensor, count: int) -> Sequence[Tensor]:
    """So many at a time, so that memory does not grow with their number; all of them where nobody knows how many there are."""
    return tensor.split(count) if is_known(tensor.shape[0]) else [tensor]
