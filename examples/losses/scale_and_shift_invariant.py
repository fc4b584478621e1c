"""The loss of MiDaS for inverse depth known up to scale and shift, from the paper's equations.

"Towards Robust Monocular Depth Estimation: Mixing Datasets for Zero-shot Cross-dataset Transfer", Ranftl, Lasinger, Hafner,
Schindler and Koltun, section 5. Predictions, targets and masks are (B, H, W); a mask is True where the target is known. Every
image weighs the same, however many of its pixels are known.
"""

from __future__ import annotations

import torch
from torch import Tensor

KEPT = 0.8
SCALES = 4
SMALLEST_SPREAD = 1e-6


def normalise(values: Tensor, mask: Tensor) -> Tensor:
    """Robustly standardised: the median moved to zero, the mean distance from it made one. Unknown pixels become zero."""
    pixels, known = values.flatten(1), mask.flatten(1)
    median = torch.nan_to_num(pixels.masked_fill(~known, torch.nan).nanmedian(dim=1, keepdim=True).values)
    centred = (pixels - median) * known
    spread = centred.abs().sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp(min=1)
    return (centred / spread.clamp(min=SMALLEST_SPREAD)).view_as(values)


def trimmed_error(residual: Tensor, mask: Tensor) -> Tensor:
    """Half the mean absolute residual, the largest fifth left out of the sum: occlusion edges and wrong labels are there."""
    known = mask.flatten(1)
    count = known.sum(dim=1)
    ascending = residual.flatten(1).abs().masked_fill(~known, torch.inf).sort(dim=1).values
    rank = torch.arange(ascending.shape[1], device=residual.device)
    kept = rank < (KEPT * count).floor()[:, None]
    return (ascending.masked_fill(~kept, 0).sum(dim=1) / (2 * count.clamp(min=1))).mean()


def gradient_mismatch(residual: Tensor, mask: Tensor) -> Tensor:
    """The mean absolute gradient of the residual, added up over resolutions: edges should fall where the target's do."""
    total = residual.new_zeros(residual.shape[0])
    for step in (2**scale for scale in range(SCALES)):
        coarse, known = residual[:, ::step, ::step], mask[:, ::step, ::step]
        across = (coarse[:, :, 1:] - coarse[:, :, :-1]).abs() * (known[:, :, 1:] & known[:, :, :-1])
        down = (coarse[:, 1:] - coarse[:, :-1]).abs() * (known[:, 1:] & known[:, :-1])
        total = total + (across.sum(dim=(1, 2)) + down.sum(dim=(1, 2))) / known.sum(dim=(1, 2)).clamp(min=1)
    return total.mean()


def scale_and_shift_invariant_loss(prediction: Tensor, target: Tensor, mask: Tensor, gradient_weight: float = 0.5) -> Tensor:
    residual = normalise(prediction, mask) - normalise(target, mask)
    return trimmed_error(residual, mask) + gradient_weight * gradient_mismatch(residual, mask)
