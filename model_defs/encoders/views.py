"""Tokens of several views of one scene, (B, views, N, C), and the two ways in which a block of a transformer sees them.

Which view is the first one decides the frame of the scene: it has tokens of its own, and all others share theirs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def within_views(block: nn.Module, tokens: Tensor, *places: Tensor) -> Tensor:
    """Every token sees those of its own view."""
    seen: Tensor = block(tokens.flatten(0, 1), *places)
    return seen.unflatten(0, tokens.shape[:2])


def across_views(block: nn.Module, tokens: Tensor, *places: Tensor) -> Tensor:
    """Every token sees those of all views; `places`, such as rotations (2, N, C), are those of one view."""
    views = tokens.shape[1]
    seen: Tensor = block(tokens.flatten(1, 2), *(place.repeat(1, views, 1) for place in places))
    return seen.unflatten(1, tokens.shape[1:3])


def first_and_others(learned: Tensor, batch: int, views: int) -> Tensor:
    """What was learned once for the first view and once for all others: (1, 2, ...) -> (B, views, ...)."""
    which = (torch.arange(views, device=learned.device) > 0).long()
    return learned.index_select(1, which).expand(batch, *(-1 for _ in learned.shape[1:]))
