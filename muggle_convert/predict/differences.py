"""How much two networks differ on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.onnx.description import Graph
from muggle_convert.predict.tensors import named_maps

MOST_TRIALS, MOST_PIXELS = 20, 1 << 22  # of those that a stranger may have written down

Sides = tuple[int, int, int]  # pictures, height and width


def largest_differences(one: Network, other: Network) -> dict[str, float]:
    """For noise of a few sizes, the largest difference between the predictions, in standard deviations of the first network's."""
    image = one.config.image
    size, step = max(image.multiple, image.size // image.multiple * image.multiple), image.multiple
    tried = [(1, height, width) for height, width in ((size, size), (size, size + 2 * step), (max(step, size - step), size))]
    return _differences(one, other, tried)


def graph_differences(network: Network, graph: Network, described: Graph) -> dict[str, float]:
    """The same for a network and a graph of it, at the sizes that the graph was tried with, or at those of its own pictures."""
    if described.has_preprocessing:
        return _of_pictures(network, graph, [_sides(trial.shape[:3]) for trial in described.trials if len(trial.shape) == 4])
    tried = [_sides((trial.shape[0], *trial.shape[-2:])) for trial in described.trials if trial.error is not None and len(trial.shape) > 3]
    batch = next(iter(described.inputs.values()))[0]
    fixed = [(batch if isinstance(batch, int) else 1, *described.size)] if described.size is not None else []
    return _differences(network, graph, tried[:MOST_TRIALS] or fixed) if tried or fixed else largest_differences(network, graph)


def _differences(one: Network, other: Network, tried: list[Sides]) -> dict[str, float]:
    image = one.config.image
    found: dict[str, float] = {}
    generator = torch.Generator().manual_seed(0)
    for count, height, width in tried:
        if count * height * width > MOST_PIXELS:
            continue
        picture = torch.randn(count, image.channels, height, width, generator=generator)
        try:
            one.check(picture.to(next(one.parameters()).dtype))
        except ValueError:
            continue  # this family takes one size only
        with torch.inference_mode():
            expected, found_here = (_prediction(model, picture) for model in (one, other))
        is_comparable = all(found_here[name].shape == wanted.shape for name, wanted in expected.items())
        agreed = one.agreed(found_here, expected) if is_comparable else found_here
        found[_named((count, height, width))] = _largest(_numbers(agreed), _numbers(expected))
    return found


def _of_pictures(network: Network, graph: Network, tried: list[Sides]) -> dict[str, float]:
    """Of whole pictures, for a graph that prepares them itself."""
    chance = np.random.default_rng(0)
    found: dict[str, float] = {}
    for _, height, width in tried[:MOST_TRIALS]:
        if height * width <= MOST_PIXELS:
            picture = chance.integers(0, 256, (height, width, 3), np.uint8)
            expected, found_here = (torch.from_numpy(np.asarray(model.predict(picture))).double() for model in (network, graph))
            found[_named((1, height, width))] = _largest(found_here, expected)
    return found


def _prediction(model: Network, picture: Tensor) -> Mapping[str, Tensor]:
    picture = picture.to(next(model.parameters()).dtype)
    return named_maps(model, *model.trial(picture))


def _numbers(prediction: Mapping[str, Tensor]) -> Tensor:
    """All of them."""
    return torch.cat([one.double().flatten() for one in prediction.values()])


def _largest(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return math.inf
    largest = (found - expected).abs().max()
    return float(largest / expected.std()) if largest else 0.0


def _sides(shape: tuple[int, ...]) -> Sides:
    return max(1, shape[0]), max(1, shape[1]), max(1, shape[2])


def _named(sides: Sides) -> str:
    count, height, width = sides
    return f"{height} x {width}" + (f", {count} together" if count > 1 else "")
