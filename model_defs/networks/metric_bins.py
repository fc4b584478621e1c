"""A DPT for relative depth, most of whose inner maps go on to bins, which make metres of them.

image -> patch_embed -> (posenc) -> imgencoder -> reassemble -> fusion -> head -> features, relative depth
                                                      |           |                        |
                                                 coarsest map, all paths  ->  bins  <------+     -> metres
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import torch
from torch import Tensor, nn

from model_defs.config import DepthHeadConfig, DPTConfig, EncoderConfig, MetricBinsHeadConfig, OutputConfig
from model_defs.dpt import DPT, PlainDPT, RelativeDPT
from model_defs.parts.fusion import Fusion
from model_defs.parts.head import DepthHead, DoublingDepthHead
from model_defs.parts.metric_bins import metric_bins
from model_defs.precision import as_weights

RELATIVE = OutputConfig("relative inverse depth", "relu")  # what the head would predict


class EveryPath(Fusion):
    """Hands on what leaves each block, coarsest first."""

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:  # type: ignore[override]  # the others hand on the finest
        return list(self.paths(maps))


class FeaturesAndDepth(DepthHead):
    """The activation before the last convolution, with the relative depth that comes of it as one more channel."""

    def forward(self, path: Tensor, image_size: tuple[int, int]) -> Tensor:
        features = self.features(path, image_size)
        return torch.cat([features, self.activation(self.proj_1ch[-1](features))], dim=1)


class DoublingFeaturesAndDepth(FeaturesAndDepth, DoublingDepthHead):
    """The same, but the map's sides are doubled."""


class DoublingFeatures(DoublingDepthHead):
    """Only the activation; there is no last convolution."""

    def __init__(self, fusion_width: int, config: DepthHeadConfig, output: OutputConfig) -> None:
        super().__init__(fusion_width, config, output)
        del self.proj_1ch[-1]

    def forward(self, path: Tensor, image_size: tuple[int, int]) -> Tensor:
        return self.proj_1ch(self.enlarged(path, image_size))


class MetricDPT(DPT):
    """The same steps whatever the encoder; of the head's relative depth nothing is returned."""

    bins: nn.Module

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, H, W) in metres."""
        self.check(image)
        maps = self.reassemble(*self.encode(image))
        paths = self.fusion(maps)
        told = self.head(paths[-1], (image.shape[2], image.shape[3]))
        coarsest, told, *paths = (as_weights(self.bins, feature_map) for feature_map in (maps[-1], told, *paths))
        return self.bins(coarsest, paths, told)


class PlainMetricDPT(MetricDPT, PlainDPT):
    """Over an encoder whose tokens are told where they stand."""


class RelativeMetricDPT(MetricDPT, RelativeDPT):
    """Over one that compares the positions of tokens."""


class RoutedMetricDPT(RelativeMetricDPT):
    """The pictures of a batch are of one kind of place."""

    sees_each_alone = False


HEADS: dict[tuple[str, str], type[DepthHead]] = {
    ("metric bins", "to image"): FeaturesAndDepth,
    ("metric bins", "double"): DoublingFeaturesAndDepth,
    ("routed metric bins", "double"): DoublingFeatures,
}
NETWORKS: dict[tuple[str, str], type[MetricDPT]] = {
    ("metric bins", "dinov2"): PlainMetricDPT,
    ("metric bins", "beit"): RelativeMetricDPT,
    ("routed metric bins", "beit"): RoutedMetricDPT,
}


def network(config: DPTConfig, encoder: EncoderConfig) -> MetricDPT:
    head = config.head
    assert isinstance(head, MetricBinsHeadConfig)
    relative = DepthHeadConfig(head.upsampler_width, head.projection_width, 1, head.resize)
    return NETWORKS[head.kind, encoder.kind](
        config,
        **import_module(f"model_defs.encoders.{encoder.kind}").parts(config, encoder),
        fusion=EveryPath(config.fusion),
        head=HEADS[head.kind, head.resize](config.fusion.widths[0], relative, RELATIVE),
        bins=metric_bins(config),
        multiple=encoder.patch_size,  # type: ignore[attr-defined]  # which both kinds of encoders have
    )
