"""Losses of inverse depth known up to scale and shift that ask what evaluation asks: how far off in shares of the distance, once aligned.

Predictions, targets and masks are (B, H, W); a mask is True where the target is known, and known targets are above zero. Scale and shift
are found by least squares in every image, and gradients flow through them. Every image weighs the same.
"""

from __future__ import annotations

import math

from torch import Tensor

LARGEST_ERROR = 2.0
SMALLEST_VARIANCE = 1e-6
SMALLEST_RATIO = 0.1
MISSED = 1.25
"""How many times too near or too far is a miss for delta 1."""


def relative_error(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The mean distance from the target in shares of it.

    Inverse depth is large for what is near, and a loss that counts its distances hardly sees what is far away.
    """
    errors = (_ratio(prediction, target, mask) - 1).abs().clamp(max=LARGEST_ERROR)
    return _mean(errors, mask)


def missed_share(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The share of pixels that delta 1 counts as missed, with a soft edge to learn from.

    What is right already, and what is hopelessly wrong, hardly pulls here; what is nearly right does.
    """
    miss = _ratio(prediction, target, mask).clamp(min=SMALLEST_RATIO).log() / math.log(MISSED)
    return _mean(1 - (-miss.square()).exp(), mask)


def _ratio(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """(B, H * W): what is predicted, aligned, over what is wanted; one where nothing is known."""
    known = mask.flatten(1)
    predicted, wanted = prediction.flatten(1), target.flatten(1).masked_fill(~known, 1)
    count = known.sum(dim=1, keepdim=True).clamp(min=1)
    mean, wanted_mean = ((values * known).sum(dim=1, keepdim=True) / count for values in (predicted, wanted))
    centred, wanted_centred = (predicted - mean) * known, (wanted - wanted_mean) * known
    scale = (centred * wanted_centred).sum(dim=1, keepdim=True) / centred.square().sum(dim=1, keepdim=True).clamp(min=SMALLEST_VARIANCE)
    return ((scale * (predicted - mean) + wanted_mean) / wanted).masked_fill(~known, 1)


def _mean(errors: Tensor, mask: Tensor) -> Tensor:
    known = mask.flatten(1)
    return ((errors * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)).mean()
