"""The loss for depth in metres that cares less for the scale of a whole picture than for what is nearer than what.

"Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", Eigen, Puhrsch and Fergus, section 3.2, under a square root.
Predictions, targets and masks are (B, H, W), in metres; a mask is True where the target is known. Every image weighs the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

FORGIVEN = 0.5
"""The share of an error in scale that costs nothing: 0 is the root mean squared error of the logarithm, 1 is blind to scale."""
NEAREST = 1e-3
SMALLEST = 1e-12


def scale_invariant_log_loss(prediction: Tensor, target: Tensor, mask: Tensor, forgiven: float = FORGIVEN) -> Tensor:
    known = mask.flatten(1)
    count = known.sum(dim=1).clamp(min=1)
    truth = target.flatten(1).masked_fill(~known, 1)
    off = torch.where(known, prediction.flatten(1).clamp(min=NEAREST).log() - truth.log(), 0)
    mean = off.sum(dim=1) / count
    squares = off.square().sum(dim=1) / count
    return (squares - forgiven * mean.square()).clamp(min=SMALLEST).sqrt().mean()
