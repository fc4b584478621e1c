"""What holds the network in place while it is trained from nothing with a loss that is blind to scale."""

from __future__ import annotations

from torch import Tensor

SMALLEST_MEAN = 1e-6


def anchor(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The mean distance from the target over its own mean; not of the paper.

    A loss blind to scale lets the prediction grow or shrink without end while a network is trained from nothing. A little of this
    keeps it near one, where half precision and the final ReLU are at home, and puts the sky at zero.
    """
    known = mask.flatten(1)
    count = known.sum(dim=1, keepdim=True).clamp(min=1)
    values = target.flatten(1) * known
    relative = values / (values.sum(dim=1, keepdim=True) / count).clamp(min=SMALLEST_MEAN)
    return (((prediction.flatten(1) - relative).abs() * known).sum(dim=1, keepdim=True) / count).mean()
