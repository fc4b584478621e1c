"""The network that `load_any_dpt` returns: any network of `model_defs`, which also takes pictures."""

from __future__ import annotations

from typing import Any, cast, overload

import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.predict import metres
from muggle_convert.predict.metres import Known, Prediction
from muggle_convert.predict.reading import Picture, Pixels, read_picture
from muggle_convert.predict.tensors import prepare, restore, restore_classes

BATCH = 8  # pictures that go through the network together; more only takes memory


class Predictor(Network):
    """What a network gains: its own preprocessing before it and the way back to the picture's size behind it."""

    @overload
    def predict(self, image: Picture, size: int | None = None) -> Prediction: ...
    @overload
    def predict(self, image: list[Picture], size: int | None = None) -> list[Prediction]: ...
    def predict(self, image: Picture | list[Picture], size: int | None = None) -> Prediction | list[Prediction]:
        """The prediction for a picture (a path, a PIL image or a uint8 RGB array) at the picture's own size, or a list of them for a list.

        Depth is float32 of shape (height, width); `config.output` says whether it is relative inverse depth or metres. A segmentation model
        gives the number of the best class for each pixel, other models with several channels (height, width, channels). `size` works towards
        another resolution than the one in training.
        """
        if isinstance(image, list):
            return self._predict([read_picture(one) for one in image], size)
        return self._predict([read_picture(image)], size)[0]

    def to_metres(self, prediction: Prediction, known: Known | None = None) -> Prediction:
        """A prediction in metres: as it is from a metric model, by two known distances {(x, y): metres} or more from a relative one."""
        return metres.to_metres(prediction, self.config.output, known)

    def _predict(self, pictures: list[Pixels], size: int | None) -> list[Prediction]:
        if self.training:
            raise Refusal("the network is in training mode, where predicting would change its statistics; call model.eval() first.")
        weight = next(self.parameters())
        inputs = [prepare(picture, self.config.image, size) for picture in pictures]
        by_shape: dict[torch.Size, list[int]] = {}
        for number, tensor in enumerate(inputs):
            by_shape.setdefault(tensor.shape, []).append(number)
        predictions: dict[int, Prediction] = {}
        with torch.inference_mode():
            for alike in by_shape.values():
                for first in range(0, len(alike), BATCH):
                    numbers = alike[first : first + BATCH]
                    batch = torch.stack([inputs[number] for number in numbers]).to(weight.device, weight.dtype)
                    for number, maps in zip(numbers, self(batch), strict=True):
                        predictions[number] = self._restore(maps, pictures[number])
        return [predictions[number] for number in range(len(pictures))]

    def _restore(self, maps: Tensor, picture: Pixels) -> Prediction:
        size, output = (picture.shape[0], picture.shape[1]), self.config.output
        maps = maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
        if output.kind == "classes":
            return restore_classes(maps, output, size).cpu().numpy()
        if maps.ndim == 2:
            return restore(maps.unsqueeze(0), output, size)[0].float().cpu().numpy()
        return restore(maps, output, size).permute(1, 2, 0).float().cpu().numpy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copying and pickling find the class by the network's, for the combined one has no name in any module."""
        able, network = type(self).__bases__
        return _blank, (network, able), self.__dict__


def with_predict(network: Network, able_to: type[Predictor] = Predictor) -> Predictor:
    """The same network, of the same parts, as one that also takes pictures; its tensors keep their names, and it still is what it was."""
    if isinstance(network, able_to):
        return network
    able = _blank(type(network), able_to)
    able.__dict__.update(network.__dict__)
    return able


def _blank(network: type[Network], able_to: type[Predictor]) -> Predictor:
    both = able_to, network
    if both not in _COMBINED:
        _COMBINED[both] = cast(type[Predictor], type(network.__name__ + able_to.__name__, both, {}))
    kind = _COMBINED[both]
    return kind.__new__(kind)


_COMBINED: dict[tuple[type, type], type[Predictor]] = {}
