"""A picture's way through a network in three steps, of which many pictures can take different ones at the same time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local

import numpy as np
import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of
from muggle_convert.predict.measured import Metres
from muggle_convert.predict.metres import by_focal_length
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.sizes import Size, input_size, margins
from muggle_convert.predict.tensors import both_ways, inside, maps_of_pictures, prepare, reflected, restore, restore_classes

Predictions = dict[str, Prediction]  # of one picture, by the names the network gives its outputs

TOGETHER = {
    "cpu": 1
}  # pictures in a batch, where it is not the usual number: a processor gains nothing, and a prediction is the same in any company
USUAL = 16


@dataclass(frozen=True)
class There:
    """What lies on a device, or will when work that has been asked for is done."""

    tensors: tuple[Tensor, ...]
    event: torch.cuda.Event | None = None

    @classmethod
    def soon(cls, *tensors: Tensor) -> There:
        return cls(tensors, torch.cuda.current_stream(tensors[0].device).record_event() if tensors[0].is_cuda else None)

    def take(self) -> tuple[Tensor, ...]:
        """For use by what this thread asks the device for from now on."""
        if self.event is not None:
            stream = torch.cuda.current_stream(self.tensors[0].device)
            stream.wait_event(self.event)
            for tensor in self.tensors:
                tensor.record_stream(stream)
        return self.tensors


@dataclass(frozen=True)
class Shown:
    """One picture as a network is shown it."""

    size: Size  # of the picture
    inputs: There

    @property
    def alike(self) -> Hashable:
        return tuple(tensor.shape for tensor in self.inputs.tensors)


Seen = dict[str, There]  # what a network made of one picture, by the names of its outputs


@dataclass(frozen=True)
class Pass:
    """The way through one network."""

    network: Network
    size: int | None = None
    mirror: bool = True
    focal: float | None = None
    place: torch.device = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", next(self.network.parameters()).device)

    @property
    def together(self) -> int:
        """Pictures in a batch; a larger one would only take memory."""
        return TOGETHER.get(self.place.type, USUAL) if self.network.sees_each_alone else 1

    def show(self, picture: Pixels, prompt: Metres | None = None) -> Shown:
        """What the network takes; on a card, the picture travels there first, and is resized there."""
        with _aside(self.place), torch.inference_mode():
            image = self.network.config.image
            inputs = [prepare(reflected(picture, image), image, self.size, self.place)]
            if prompt is not None:
                inputs.append(torch.from_numpy(prompt)[None].to(self.place))
            return Shown((picture.shape[0], picture.shape[1]), There.soon(*inputs))

    def run(self, batch: Sequence[Shown]) -> list[Seen]:
        """Of pictures whose inputs are alike."""
        dtype = next(self.network.parameters()).dtype
        with torch.inference_mode():
            inputs = [torch.stack(alike).to(dtype) for alike in zip(*(shown.inputs.take() for shown in batch), strict=True)]
            way = both_ways if self.mirror and self.network.config.image.mirrored else maps_of_pictures
            maps = way(self.network, *inputs)
            return [{name: There.soon(found[place]) for name, found in maps.items()} for place in range(len(batch))]

    def restore(self, shown: Shown, seen: Seen) -> Predictions:
        """Every output at the size of the picture."""
        config, named = self.network.config, self.network.outputs[0]
        rows, columns = (side + 2 * margin for side, margin in zip(shown.size, margins(config.image, shown.size), strict=True))
        with _aside(self.place), torch.inference_mode():
            whole = {name: restored(self.network, name, found.take()[0], (rows, columns)) for name, found in seen.items()}
        predictions = {name: inside(found, shown.size, config.image) for name, found in whole.items()}
        _refuse_what_is_no_number(predictions[named], self.network.dtype)
        if self.focal is not None:
            there = input_size(config.image, shown.size, self.size)
            predictions[named] = by_focal_length(predictions[named], config.output, self.focal, shown.size, there)
        return predictions


def _refuse_what_is_no_number(prediction: Prediction, dtype: torch.dtype) -> None:
    share = np.isnan(prediction).mean()
    if share:
        computed = str(dtype).removeprefix("torch.")
        cause = (
            "weights that hold NaNs or infinities, which converting counts"
            if computed == "float32"
            else f"{computed}, where float32 may do"
        )
        raise Refusal(f"the prediction is not a number for {share:.1%} of the pixels; the cause may be {cause}")


def restored(network: Network, name: str, maps: Tensor, size: Size) -> Prediction:
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


_STREAMS = local()


@contextmanager
def _aside(place: torch.device) -> Iterator[None]:
    """On a card, what a thread asks for goes into a queue of its own, and is done while the network computes."""
    if place.type != "cuda":
        yield
        return
    if not hasattr(_STREAMS, "one"):
        _STREAMS.one = torch.cuda.Stream(place)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(_STREAMS.one):
        yield
