"""From pictures to the tensors a network takes, and from the tensors it returns back to the size of the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from model_defs.config import ImageConfig, OutputConfig
from model_defs.network import Network
from muggle_convert.errors import Refusal, as_told
from muggle_convert.outputs import Prediction
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.resizing import fitted, mixed
from muggle_convert.predict.sizes import Size, input_size, margins

TOLD = "the network cannot compute what its configuration asks for"


def reflected(picture: Pixels, image: ImageConfig) -> Pixels:
    """With a margin of its own reflection, where the original's inference puts one around it."""
    rows, columns = margins(image, (picture.shape[0], picture.shape[1]))
    return np.pad(picture, ((rows, rows), (columns, columns), (0, 0)), "reflect") if rows or columns else picture


def inside(prediction: Prediction, size: Size, image: ImageConfig) -> Prediction:
    """What was predicted for the picture itself, and not for the margin around it."""
    (height, width), (rows, columns) = size, margins(image, size)
    return prediction[rows : rows + height, columns : columns + width] if rows or columns else prediction


def prepare(picture: Pixels, image: ImageConfig, size: int | None = None, place: torch.device = torch.device("cpu")) -> Tensor:
    """(height, width, 3) from 0 to 255 -> (3, H, W), resized and normalised as in training; where possible on the device that it is for."""
    if image.channels != 3:
        raise Refusal(f"this network takes {image.channels} channels and a picture has 3; make a tensor yourself and call model(tensor).")
    if place.type == "cuda" and image.resize != "area or cubic":
        sent = torch.from_numpy(np.ascontiguousarray(picture)).pin_memory().to(place, non_blocking=True)
        return _normalised(mixed(sent, input_size(image, (picture.shape[0], picture.shape[1]), size), image.resize), image)
    return normalised(fitted(picture, image, size), image).to(place)


def normalised(samples: npt.NDArray[Any], image: ImageConfig) -> Tensor:
    """(H, W, 3) from 0 to 255 -> (3, H, W)"""
    return _normalised(torch.from_numpy(np.require(samples, requirements=("C", "W"))).permute(2, 0, 1).contiguous().float(), image)


def _normalised(samples: Tensor, image: ImageConfig) -> Tensor:
    """(3, H, W) from 0 to 255 -> the same, on the same device; channel by channel, since three numbers at a time are slow."""
    mean, deviation = (255 * torch.tensor(values, device=samples.device)[:, None, None] for values in (image.mean, image.std))
    return samples.sub(mean).div_(deviation)


def named_maps(network: Network, *inputs: Tensor) -> dict[str, Tensor]:
    """What a network returns, by the names it gives its outputs."""
    with as_told(TOLD):
        return _named(network, network(*inputs))


def maps_of_pictures(network: Network, *inputs: Tensor) -> dict[str, Tensor]:
    """The same of a batch of pictures that have nothing to do with each other."""
    with as_told(TOLD):
        return _named(network, network.alone(*inputs))


def both_ways(network: Network, *inputs: Tensor) -> dict[str, Tensor]:
    """The mean of what a network makes of images and of their mirror images, turned back."""
    mirrored = maps_of_pictures(network, *(tensor.flip(-1) for tensor in inputs))
    return {name: (found + mirrored[name].flip(-1)) / 2 for name, found in maps_of_pictures(network, *inputs).items()}


def _named(network: Network, returned: Any) -> dict[str, Tensor]:
    return returned if isinstance(returned, dict) else {network.outputs[0]: returned}


def restore(maps: Tensor, output: OutputConfig, size: Size) -> Tensor:
    """(channels, H, W) -> (channels, height, width), by the interpolation the original ends with."""
    if output.resize == "bilinear aligned":
        return F.interpolate(maps.unsqueeze(0), size=size, mode="bilinear", align_corners=True)[0]
    mode = "bilinear" if output.resize == "bilinear" else "bicubic"
    return F.interpolate(maps.unsqueeze(0), size=size, mode=mode, align_corners=False)[0]


def restore_classes(scores: Tensor, output: OutputConfig, size: Size) -> Tensor:
    """(classes, H, W) -> (height, width), the best class for each pixel, a few classes at a time: all scores of a large picture would not fit in memory."""
    best = torch.full(size, -torch.inf, dtype=scores.dtype, device=scores.device)
    winner = torch.zeros(size, dtype=torch.int64, device=scores.device)
    for first in range(0, len(scores), 8):
        highest, number = restore(scores[first : first + 8], output, size).max(dim=0)
        better = highest > best
        best[better] = highest[better]
        winner[better] = number[better] + first
    return winner
