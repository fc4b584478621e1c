"""What the small configurations of the families are made from, and the network of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from model_defs.build import build
from model_defs.config import (
    DepthHeadConfig,
    DPTConfig,
    EncoderConfig,
    FilmDepthHeadConfig,
    FusionConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from model_defs.dpt import DPT
from model_defs.networks.metric_bins import MetricDPT
from model_defs.parts.metric_bins import Bins

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
BLOCKS = (0, 1, 2, 3)  # taps of four
TAPPED = {"taps": "0,1,2,3"}
WIDTHS = (8, 8, 8, 8)  # of the fusion

FROM_TOKENS = ReassembleConfig((8, 12, 16, 20), "project")
FROM_FEWER_TOKENS = ReassembleConfig((16, 20), "project")
FROM_MAPS = ReassembleConfig((), "ignore")
RELATIVE = OutputConfig("relative inverse depth", "relu")


@dataclass(frozen=True)
class Small:
    """A configuration, an image it takes, and what has to be said for a file in one layout to be read as this configuration."""

    config: DPTConfig
    height: int
    width: int
    told: Mapping[str, Any] = field(default_factory=dict)
    layout: str = "original"

    def images(self, batch: int = 1) -> Tensor:
        """Noise; of each film three frames."""
        generator = torch.Generator().manual_seed(batch)
        several = (batch, 3) if isinstance(self.config.head, FilmDepthHeadConfig) else (batch,)
        return torch.randn(*several, self.config.image.channels, self.height, self.width, generator=generator)

    def network(self) -> DPT:
        """In evaluation mode, with weights under which every part matters and predictions are four, give or take one."""
        torch.manual_seed(0)
        network = build(self.config).eval()
        with torch.no_grad():
            for tensor in (*network.parameters(), *filter(Tensor.is_floating_point, network.buffers())):
                if tensor.min() == tensor.max():  # ones or zeros, which would hide that a tensor is in the wrong place
                    tensor += 0.8 * (torch.rand_like(tensor) - 0.5)
                elif tensor.ndim > 1:
                    nn.init.kaiming_normal_(tensor, nonlinearity="linear")
            _spread(network, self.images())
        return network


def _spread(network: DPT, images: Tensor) -> None:
    """Give the last convolution the weights with which predictions have a mean of four and a deviation of one."""
    last = [layer for layer in network.head.modules() if isinstance(layer, nn.Conv2d)][-1]
    scores = _outputs(network, images, last)
    last.weight /= scores.std()
    assert last.bias is not None
    last.bias.copy_((last.bias - scores.mean()) / scores.std() + 4.0)
    if isinstance(network, MetricDPT):
        _spread_bins(network, images)


def _spread_bins(network: MetricDPT, images: Tensor) -> None:
    """Bins up to eight metres, and for each pixel others that count."""
    for bins in (module for module in network.modules() if isinstance(module, Bins)):
        seed, weighing = bins.seed[-1], bins.distribution[-1]
        seed.weight *= 0.1
        seed.bias.copy_(torch.linspace(0.5, 8, len(seed.bias)))
        if (scores := _outputs(network, images, weighing)) is not None:  # of the bins that were chosen
            deviation, mean = scores.std(dim=(0, 2, 3)), scores.mean(dim=(0, 2, 3))
            weighing.weight *= (2 / deviation).view(-1, 1, 1, 1)
            weighing.bias.copy_((weighing.bias - mean) * 2 / deviation)


def _outputs(network: DPT, images: Tensor, layer: nn.Module) -> Any:
    """What a layer gives on the way to a prediction; None where it does not run."""
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    network(images)
    hook.remove()
    return kept[0] if kept else None


def config_of(family: str, encoder: EncoderConfig, size: int, **changes: Any) -> DPTConfig:
    """What most families have in common, and what a family has of its own."""
    common: dict[str, Any] = {
        "reassemble": FROM_MAPS,
        "fusion": FusionConfig(WIDTHS, "to next"),
        "head": DepthHeadConfig(8, 6, 1, "double"),
        "image": ImageConfig(3, size, True, "closest", 32, *HALVES),
        "output": RELATIVE,
    }
    return DPTConfig(family=family, encoder=encoder, **{**common, **changes})


@dataclass(frozen=True)
class Variant:
    """A configuration, the layout of its file, and what has to be said for the file to be read as this configuration."""

    make: Callable[[], DPTConfig]
    layout: str = "original"
    told: Mapping[str, Any] = field(default_factory=dict)
    masks: bool = False  # a file that stores the masks of its windows tells its grid
