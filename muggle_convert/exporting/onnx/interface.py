"""What goes into a graph and what comes out: names that the ecosystem knows, and what may change from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from model_defs.config import DINOv2Config, LeViTConfig, Swin2Config, SwinConfig
from model_defs.network import Network
from model_defs.window_layout import traced_step
from muggle_convert.errors import Refusal
from muggle_convert.onnx.description import Dimensions
from muggle_convert.onnx.words import PIXEL_VALUES, PREDICTED_DEPTH, PROMPT_DEPTH
from muggle_convert.outputs import kind_of

BATCH, VIEWS = 2, 3  # in the inputs that a network is followed with: of sides of one, exporters conclude that they are always one
LEAST = (128, 192)  # pixels in them, for the same reason; every size is another, so that outputs tell whose it is
MOST = 1 << 12  # of whatever may change, counted in steps

NAMES = {
    ("image",): (PIXEL_VALUES,),
    ("views",): (PIXEL_VALUES,),
    ("frames",): (PIXEL_VALUES,),
    ("image", "prompt"): (PIXEL_VALUES, PROMPT_DEPTH),
    ("first", "second"): (PIXEL_VALUES, "pixel_values_2"),
}


@dataclass(frozen=True)
class Interface:
    """Inputs of a network by their names in the graph, with which to follow it."""

    inputs: dict[str, Dimensions]
    outputs: tuple[str, ...]
    samples: tuple[Tensor, ...]
    dims: tuple[dict[int, Any], ...]  # as torch's exporter takes what may change

    @property
    def known_sides(self) -> dict[int, str]:
        """What may change, by how large it is in the samples."""
        pairs = (
            (side, name)
            for sample, named in zip(self.samples, self.inputs.values(), strict=True)
            for side, name in zip(sample.shape, named, strict=True)
        )
        return {side: name for side, name in reversed(list(pairs)) if isinstance(name, str)}


def interface(network: Network, size: tuple[int, int] | None) -> Interface:
    """For inputs of one size, or of any that suits the network."""
    step = step_of(network)
    if size is None and step is None:
        size = only_size(network)
    height, width = size or _sample_size(network, step or (1, 1))
    images = torch.zeros(BATCH, network.config.image.channels, height, width)
    samples = [*network.trial(images)]
    names = NAMES[network.inputs]
    batch = Dim("batch", min=1, max=MOST)
    inputs: dict[str, Dimensions] = {}
    dims: list[dict[int, Any]] = []
    for number, name in enumerate(names):
        if samples[number].ndim == 5:
            samples[number] = torch.cat([samples[number], samples[number][:, :1]], dim=1)  # three views or frames
        may_change: dict[int, tuple[str, Any]] = {0: ("batch", batch)}
        first = samples[number].ndim - 2
        if samples[number].ndim == 5:
            most = getattr(network.config.head, "frames", 64)
            may_change[1] = (network.inputs[0], Dim(network.inputs[0], min=1, max=most))
        if name == PROMPT_DEPTH:
            samples[number] = torch.stack([torch.zeros(1, 24, 40), torch.ones(1, 24, 40)])  # of other sizes than the image
            may_change |= {
                2: ("prompt_height", Dim("prompt_height", min=1, max=MOST)),
                3: ("prompt_width", Dim("prompt_width", min=1, max=MOST)),
            }
        elif size is None:
            assert step is not None
            suffix = f"_{number + 1}" if number else ""
            if number:
                samples[number] = samples[number].new_zeros(*samples[number].shape[:-2], height + 2 * step[0], width + 2 * step[1])
            for axis, side in enumerate(("height", "width")):
                dim = Dim(f"{side}{suffix}_steps", min=_least_steps(network), max=MOST)
                may_change[first + axis] = (side + suffix, step[axis] * dim if step[axis] > 1 else dim)
        inputs[name] = tuple(may_change[axis][0] if axis in may_change else side for axis, side in enumerate(samples[number].shape))
        dims.append({axis: dim for axis, (_, dim) in may_change.items()})
    return Interface(inputs, output_names(network), tuple(samples), tuple(dims))


def output_names(network: Network) -> tuple[str, ...]:
    """The contract's, but that depth has the ecosystem's name."""
    if kind_of(network.config.output).has_classes:
        return ("logits", *network.outputs[1:])
    return tuple(PREDICTED_DEPTH if name == "depth" else name for name in network.outputs if _is_returned(network, name))


def _is_returned(network: Network, name: str) -> bool:
    """VGGT has no points where it has no decoder for them."""
    maps = getattr(network, "maps", None)
    return maps is None or "points" in maps or not name.startswith("world_points")


def step_of(network: Network) -> tuple[int, int] | None:
    """Pixels of which sides are multiples in the graph; None where there is one size only."""
    encoder = network.config.encoder
    if isinstance(encoder, LeViTConfig):
        return None
    if isinstance(encoder, (SwinConfig, Swin2Config)):
        rows, columns = traced_step(encoder)
        return rows * encoder.patch_size, columns * encoder.patch_size
    return network.multiple, network.multiple


def _least_steps(network: Network) -> int:
    """That exporters are told. Of a side of one patch they would conclude that it is always one, which steps of patches spare them."""
    encoder = network.config.encoder
    return 2 * encoder.patch_size + 1 if isinstance(encoder, DINOv2Config) and network.multiple == 1 else 1


def only_size(network: Network) -> tuple[int, int]:
    """Height and width of a network that has one size only."""
    encoder = network.config.encoder
    assert isinstance(encoder, LeViTConfig), "all others have a step"
    return 16 * encoder.side, 16 * encoder.side


def check_fixed_size(network: Network, size: tuple[int, int]) -> None:
    """Refused in the network's own words where it takes no such size."""
    try:
        network.check_size(*size)
    except ValueError as problem:
        raise Refusal(f"--size {size[0]}x{size[1]}: {problem}") from None


def _sample_size(network: Network, step: Sequence[int]) -> tuple[int, int]:
    """Sides of several steps each, of different numbers."""
    if isinstance(network.config.encoder, (SwinConfig, Swin2Config)):
        return 2 * step[0], 4 * step[1]  # windows of every stage fit in doubled sides
    height, width = (max(2, -(-least // one)) for least, one in zip(LEAST, step, strict=True))
    return height * step[0], (width + (width == height)) * step[1]
