"""What a network that is trained from nothing needs beside the losses that others use: what wakes it, and what holds it."""

from __future__ import annotations

from torch import Tensor

from examples.losses.scale_and_shift_invariant import SCALES

SMALLEST_MEAN = 1e-6
SMALLEST_VARIANCE = 1e-6


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


def correlation_loss(prediction: Tensor, target: Tensor, gradient_weight: float = 0.5) -> Tensor:
    """The squared distance of both, each brought to mean zero and deviation one, and that of their gradients at several resolutions.

    Something to begin with. An untrained network first learns how inverse depth usually runs over a picture, and the loss of MiDaS
    leaves it there: absolute distances ask for the usual value only, and what is trimmed away, the fifth that is furthest off, is
    just what stands in front of the usual. Squares listen to that most.
    """
    residual = _standardised(prediction) - _standardised(target)
    total = residual.square().mean()
    for step in (2**scale for scale in range(SCALES)):
        coarse = residual[:, ::step, ::step]
        gradients = coarse.diff(dim=2).square().mean() + coarse.diff(dim=1).square().mean()
        total = total + gradient_weight * gradients
    return total


def _standardised(values: Tensor) -> Tensor:
    centred = values - values.mean(dim=(1, 2), keepdim=True)
    return centred / centred.square().mean(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_VARIANCE).sqrt()
