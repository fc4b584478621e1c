"""Whole pictures through a network: its own preprocessing first, and its outputs brought back to the size of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model_defs.network import Network, rounds_float32
from model_defs.precision import exact_float32
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of
from muggle_convert.predict import metres
from muggle_convert.predict.framing import cropped, framed
from muggle_convert.predict.measured import Metres
from muggle_convert.predict.metres import Known, by_focal_length
from muggle_convert.predict.photographs import Picture, Pixels, read_picture
from muggle_convert.predict.prompts import read_prompt
from muggle_convert.predict.scene import Scene, SceneView, View, known_cameras
from muggle_convert.predict.sizes import Size, input_size
from muggle_convert.predict.tensors import both_ways, inside, named_maps, normalised, prepare, reflected, restore, restore_classes

AnyNetwork = TypeVar("AnyNetwork", bound=Network)
Predictions = dict[str, Prediction]  # of one picture, by the names the network gives its outputs

PROMPTED = ("image", "prompt")  # what some networks take
BATCH = 8  # pictures that go through the network together; more would only take memory


class Predictor:
    """What `model.predict` and `model.to_metres` of a loaded network do; it keeps nothing of the network's."""

    def predict(self, network: Network, *pictures: Any, size: int | None = None, mirror: bool = True, focal: float | None = None) -> Any:
        """One picture, a list of pictures, or as many views of one scene as the network takes together.

        A picture is a path, a PIL image or a uint8 array (height, width, 3) in RGB. Depth is float32 of shape (height, width);
        `config.output` says whether it is relative inverse depth or metres. A segmentation model gives the number of the best class for
        each pixel, other models with several channels (height, width, channels), a network with several outputs a dictionary of them,
        and DUSt3R a `View` for each of its two pictures. A network with a prompt takes that second, or a list of them: metres in an array
        (height, width) or a .npy, or a 16-bit PNG of millimetres. `size` is the resolution to work at instead of the one in training.
        Families whose own code predicts the mirror image too do so here, unless `mirror` is false. Depth that is metric up to the focal length
        becomes metres where `focal` gives that, in pixels of the picture.
        """
        _refuse_training(network)
        if len(pictures) == len(network.inputs) + 1:
            *pictures, size = pictures  # type: ignore[assignment]  # passed by position
        if network.inputs == PROMPTED:
            *pictures, prompts = _with_prompts(pictures)  # type: ignore[assignment]
        elif len(network.inputs) > 1:
            return _predict_pair(network, pictures, size)
        else:
            prompts = []
        if len(pictures) != 1:
            raise Refusal(f"this network looks at one picture at a time, and {len(pictures)} were given; pass a list of them.")
        is_list = isinstance(pictures[0], list)
        read = [read_picture(picture) for picture in (pictures[0] if is_list else pictures)]
        found = _predict_pictures(network, read, prompts, size, mirror)
        if focal is not None:
            output, named = network.config.output, network.outputs[0]
            for maps, picture in zip(found, read, strict=True):
                there = picture.shape[0], picture.shape[1]
                maps[named] = by_focal_length(maps[named], output, focal, there, input_size(network.config.image, there, size))
        predictions = [next(iter(maps.values())) if len(maps) == 1 else maps for maps in found]
        return predictions if is_list else predictions[0]

    def predict_views(
        self,
        network: Network,
        pictures: Sequence[Picture],
        size: int | None = None,
        extrinsics: Any = None,
        intrinsics: Any = None,
    ) -> Scene:
        """One scene out of pictures of it, which are paths, PIL images or uint8 arrays; `size` as in `predict`.

        Networks that can be told cameras take `extrinsics`, from world to camera, and `intrinsics`, in pixels of the pictures as given: an
        array (3 or 4, 4) and an array (3, 3) for each picture.
        """
        _refuse_training(network)
        if network.framing is None:
            raise Refusal(
                "this network looks at each picture by itself, and makes no scene of several; call model.predict with a list of them."
            )
        if isinstance(pictures, (str, Path, Image.Image)) or len(pictures) < network.fewest_views:
            raise Refusal(
                f"this network makes a scene of {network.fewest_views} pictures or more; pass a list of them: model.predict_views([…])."
            )
        image, weight = network.config.image, next(network.parameters())
        views = framed(network.framing, [read_picture(picture) for picture in pictures], image, size)
        inputs = [normalised(view.pixels.astype(np.float32), image).to(weight.device, weight.dtype) for view in views]
        cameras = known_cameras(network, views, extrinsics, intrinsics)
        exactly = exact_float32() if network.exact and rounds_float32(weight) else nullcontext()
        with torch.inference_mode(), exactly:
            seen = network.scene(inputs, **{name: torch.from_numpy(given).to(weight.device) for name, given in cameras.items()})
        return Scene(tuple(SceneView.of(view, one) for view, one in zip(views, seen, strict=True)))

    def to_metres(self, network: Network, prediction: Prediction, known: Known | None = None) -> Prediction:
        """A prediction in metres: unchanged from a metric model, fitted to two or more known distances {(x, y): metres} from a relative one."""
        return metres.to_metres(prediction, network.config.output, known)


def with_predict(network: AnyNetwork) -> AnyNetwork:
    """The same network, which from now on takes pictures too."""
    network.predictor = Predictor()
    return network


def main_map(prediction: Prediction | Predictions) -> Prediction:
    """What `config.output` describes: of several outputs the first."""
    return next(iter(prediction.values())) if isinstance(prediction, dict) else prediction


def _refuse_training(network: Network) -> None:
    if network.training:
        raise Refusal("the network is in training mode, where predicting would change its statistics; call model.eval() first.")


def _with_prompts(given: Sequence[Any]) -> tuple[Any, list[Metres]]:
    """The picture, or the list of them, and as many prompts."""
    if len(given) != 2 or given[1] is None:
        raise Refusal(
            f"this network looks at a picture and at a prompt, a map of measured depth, and {len(given)} were given: call model.predict(picture, prompt), "
            "or pass --prompt."
        )
    pictures, prompts = given
    if isinstance(pictures, list) != isinstance(prompts, list) or (isinstance(pictures, list) and len(pictures) != len(prompts)):
        raise Refusal("a list of pictures needs a list of as many prompts, and a picture one prompt.")
    return pictures, [read_prompt(prompt) for prompt in (prompts if isinstance(prompts, list) else [prompts])]


def _predict_pictures(network: Network, pictures: list[Pixels], prompts: list[Metres], size: int | None, mirror: bool) -> list[Predictions]:
    """Pictures whose inputs have the same shape share a batch, where that changes no prediction; prompts belong to pictures one by one."""
    image, weight = network.config.image, next(network.parameters())
    framed = [reflected(picture, image) for picture in pictures]
    inputs: list[tuple[Tensor, ...]] = [(prepare(picture, image, size),) for picture in framed]
    if prompts:
        inputs = [(*tensors, torch.from_numpy(prompt)[None]) for tensors, prompt in zip(inputs, prompts, strict=True)]
    by_shape: dict[tuple[torch.Size, ...], list[int]] = {}
    for number, tensors in enumerate(inputs):
        by_shape.setdefault(tuple(tensor.shape for tensor in tensors), []).append(number)
    predictions: dict[int, Predictions] = {}
    together = BATCH if network.sees_each_alone else 1
    with torch.inference_mode():
        for alike in by_shape.values():
            for first in range(0, len(alike), together):
                numbers = alike[first : first + together]
                alike_inputs = zip(*(inputs[number] for number in numbers), strict=True)
                batch = [torch.stack(tensors).to(weight.device, weight.dtype) for tensors in alike_inputs]
                maps = (both_ways if mirror and image.mirrored else named_maps)(network, *batch)
                for place, number in enumerate(numbers):
                    rows, columns, _ = framed[number].shape
                    whole = {name: _restored(network, name, found[place], (rows, columns)) for name, found in maps.items()}
                    predictions[number] = {name: inside(found, pictures[number], image) for name, found in whole.items()}
    return [predictions[number] for number in range(len(pictures))]


def _restored(network: Network, name: str, maps: Tensor, size: Size) -> Prediction:
    """One output for one picture, channels last."""
    output = network.config.output
    kind = kind_of(output)
    maps = maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
    if kind.has_classes and name == network.outputs[0]:
        return restore_classes(maps, output, size).cpu().numpy()
    if not kind.is_resized:
        return maps.float().cpu().numpy()
    if maps.ndim == 2:
        return restore(maps.unsqueeze(0), output, size)[0].float().cpu().numpy()
    return restore(maps, output, size).permute(1, 2, 0).float().cpu().numpy()


def _predict_pair(network: Network, pictures: Sequence[Picture], size: int | None) -> tuple[View, ...]:
    """Points of both views in the frame of the first, as the network gives them."""
    if len(pictures) != len(network.inputs):
        raise Refusal(
            f"this network looks at two pictures of a scene at once, and {'one was' if len(pictures) == 1 else f'{len(pictures)} were'} given; "
            f"call model.predict({', '.join(network.inputs)}), or model.predict_views for any number."
        )
    image, weight = network.config.image, next(network.parameters())
    seen = [cropped(read_picture(picture), image, size).pixels for picture in pictures]
    inputs = [normalised(picture.astype(np.float32), image)[None].to(weight.device, weight.dtype) for picture in seen]
    with torch.inference_mode():
        maps = {name: _restored(network, name, found[0], (0, 0)) for name, found in named_maps(network, *inputs).items()}
    return tuple(View(picture, maps[f"pts3d_{number}"], maps[f"conf_{number}"]) for number, picture in enumerate(seen, 1))
