"""How much two networks differ on the same pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.predict.tensors import named_maps


def largest_differences(one: Network, other: Network) -> dict[str, float]:
    """For noise of a few sizes, the largest difference between the predictions, in standard deviations of the first network's."""
    image = one.config.image
    size, step = max(image.multiple, image.size // image.multiple * image.multiple), image.multiple
    found: dict[str, float] = {}
    generator = torch.Generator().manual_seed(0)
    for height, width in ((size, size), (size, size + 2 * step), (max(step, size - step), size)):
        picture = torch.randn(1, image.channels, height, width, generator=generator)
        try:
            one.check(picture.to(next(one.parameters()).dtype))
        except ValueError:
            continue  # this family takes one size only
        with torch.inference_mode():
            expected, found_here = (_prediction(model, picture) for model in (one, other))
        largest = (found_here - expected).abs().max()
        found[f"{height} x {width}"] = float(largest / expected.std()) if largest else 0.0
    return found


def _prediction(model: Network, picture: Tensor) -> Tensor:
    """All numbers of a prediction."""
    picture = picture.to(next(model.parameters()).dtype)
    maps = named_maps(model, *model.trial(picture))
    return torch.cat([one.double().flatten() for one in maps.values()])
