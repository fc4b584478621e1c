"""Whole pictures through a network: its own preprocessing before it, and the way back to the pictures' size after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.predict import metres
from muggle_convert.predict.metres import Known, Prediction
from muggle_convert.predict.pairs import View, as_trained
from muggle_convert.predict.reading import Picture, Pixels, read_picture
from muggle_convert.predict.tensors import normalised, prepare, restore, restore_classes

AnyNetwork = TypeVar("AnyNetwork", bound=Network)

BATCH = 8  # pictures that go through the network together; more only takes memory


class Predictor:
    """What `model.predict` and `model.to_metres` of a loaded network do; it holds nothing of the network's."""

    def predict(self, network: Network, *pictures: Any, size: int | None = None) -> Any:
        """One picture, a list of pictures, or as many views of one scene as the network takes together.

        A picture is a path, a PIL image or a uint8 array (height, width, 3) in RGB. Depth is float32 of shape (height, width);
        `config.output` says whether it is relative inverse depth or metres. A segmentation model gives the number of the best class for
        each pixel, other models with several channels (height, width, channels), and DUSt3R a `View` for each of its two pictures.
        `size` works towards another resolution than the one in training.
        """
        if network.training:
            raise Refusal("the network is in training mode, where predicting would change its statistics; call model.eval() first.")
        if len(pictures) == len(network.inputs) + 1:
            *pictures, size = pictures  # type: ignore[assignment]  # given by its place
        if len(network.inputs) > 1:
            return _predict_views(network, pictures, size)
        if len(pictures) != 1:
            raise Refusal(f"this network looks at one picture at a time, and {len(pictures)} were given; pass a list of them.")
        if isinstance(pictures[0], list):
            return _predict_pictures(network, [read_picture(one) for one in pictures[0]], size)
        return _predict_pictures(network, [read_picture(pictures[0])], size)[0]

    def to_metres(self, network: Network, prediction: Prediction, known: Known | None = None) -> Prediction:
        """A prediction in metres: as it is from a metric model, by two known distances {(x, y): metres} or more from a relative one."""
        return metres.to_metres(prediction, network.config.output, known)


def with_predict(network: AnyNetwork) -> AnyNetwork:
    """The same network, which from now on takes pictures too."""
    network.predictor = Predictor()
    return network


def _predict_pictures(network: Network, pictures: list[Pixels], size: int | None) -> list[Prediction]:
    """Pictures that become inputs of one shape share a batch."""
    weight = next(network.parameters())
    inputs = [prepare(picture, network.config.image, size) for picture in pictures]
    by_shape: dict[torch.Size, list[int]] = {}
    for number, tensor in enumerate(inputs):
        by_shape.setdefault(tensor.shape, []).append(number)
    predictions: dict[int, Prediction] = {}
    with torch.inference_mode():
        for alike in by_shape.values():
            for first in range(0, len(alike), BATCH):
                numbers = alike[first : first + BATCH]
                batch = torch.stack([inputs[number] for number in numbers]).to(weight.device, weight.dtype)
                for number, maps in zip(numbers, network(batch), strict=True):
                    predictions[number] = _restored(network, maps, pictures[number])
    return [predictions[number] for number in range(len(pictures))]


def _restored(network: Network, maps: Tensor, picture: Pixels) -> Prediction:
    size, output = (picture.shape[0], picture.shape[1]), network.config.output
    maps = maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
    if output.kind == "classes":
        return restore_classes(maps, output, size).cpu().numpy()
    if maps.ndim == 2:
        return restore(maps.unsqueeze(0), output, size)[0].float().cpu().numpy()
    return restore(maps, output, size).permute(1, 2, 0).float().cpu().numpy()


def _predict_views(network: Network, pictures: Sequence[Picture], size: int | None) -> tuple[View, ...]:
    """Points of every view in the frame of the first."""
    if len(pictures) != len(network.inputs):
        raise Refusal(
            f"this network looks at two pictures of a scene at once, and {'one was' if len(pictures) == 1 else f'{len(pictures)} were'} given; "
            "call model.predict(first, second)."
        )
    image, weight = network.config.image, next(network.parameters())
    views = [as_trained(read_picture(picture), image, size) for picture in pictures]
    inputs = [normalised(view.astype(np.float32), image)[None].to(weight.device, weight.dtype) for view in views]
    with torch.inference_mode():
        maps = {name: found[0].float().cpu().numpy() for name, found in network(*inputs).items()}
    return tuple(View(view, maps[f"pts3d_{number}"], maps[f"conf_{number}"]) for number, view in enumerate(views, 1))
