"""What a network that is trained from nothing needs beside the loss of MiDaS: what wakes it, what holds it, what looks into the distance."""

from __future__ import annotations

from torch import Tensor

from examples.losses.scale_and_shift_invariant import SCALES

from .metrics import FARTHEST

SMALLEST_MEAN = 1e-6
SMALLEST_VARIANCE = 1e-6
LARGEST_ERROR = 2.0


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


def relative_error(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean distance from the target in shares of it, once scale and shift are brought to it by least squares, as evaluation does.

    Something to end with. Inverse depth is large for what is near, and a loss that counts its distances hardly sees what is far away.
    """
    judged = (target > 1 / FARTHEST).flatten(1).to(target.dtype)
    count = judged.sum(dim=1, keepdim=True).clamp(min=1)
    predicted, wanted = prediction.flatten(1), target.flatten(1)
    mean, wanted_mean = ((values * judged).sum(dim=1, keepdim=True) / count for values in (predicted, wanted))
    centred, wanted_centred = (predicted - mean) * judged, (wanted - wanted_mean) * judged
    scale = (centred * wanted_centred).sum(dim=1, keepdim=True) / centred.square().sum(dim=1, keepdim=True).clamp(min=SMALLEST_VARIANCE)
    aligned = scale * (predicted - mean) + wanted_mean
    errors = (aligned - wanted).abs() / wanted.clamp(min=1 / FARTHEST) * judged
    return (errors.clamp(max=LARGEST_ERROR).sum(dim=1, keepdim=True) / count).mean()


def _standardised(values: Tensor) -> Tensor:
    centred = values - values.mean(dim=(1, 2), keepdim=True)
    return centred / centred.square().mean(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_VARIANCE).sqrt()
