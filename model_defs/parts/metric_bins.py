"""Metres as a mean of bins: their centres are moved by every path of the fusion, and how much each of them counts is decided last.

"ZoeDepth: Zero-shot Transfer by Combining Relative and Metric Depth", Bhat, Birkl, Wofk, Wonka and Müller,
https://arxiv.org/abs/2302.12288
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import PLACES, DPTConfig, Grid, MetricBinsHeadConfig, RoutedMetricBinsHeadConfig
from model_defs.parts.router import Router

NEAREST = 0.001  # metres
REACH = 300.0  # how soon the pull of an attractor fades; the setting of 1000 that files come with never reaches the original's function
COLDEST, HOTTEST = 0.0212, 50.0  # temperatures, between which each pixel chooses how sharp its distribution is


class Bins(nn.Module):
    """The bins for one kind of place, whose centres are metres without a bound."""

    def __init__(self, coarsest_width: int, told_width: int, config: MetricBinsHeadConfig, max_depth: float) -> None:
        super().__init__()
        width = config.embedding_width
        self.max_depth = max_depth
        self.log_choices = _log_choices(config.bins)
        self.seed = _pixelwise(coarsest_width, config.seed_width, config.bins)
        self.attractors = nn.ModuleList(_pixelwise(width, width, channels) for channels in config.attractor_channels)
        self.distribution = _pixelwise(told_width + width, config.distribution_width, 4, nn.GELU())

    def centres(self, summary: Tensor) -> Tensor:
        """The first centres of each pixel's bins: (B, C, h, w) -> (B, bins, h, w)."""
        return F.softplus(self.seed(summary))

    def points(self, number: int, embedding: Tensor) -> Tensor:
        """Where a path's attractors are: (B, C, h, w) -> (B, attractors, h, w)."""
        return F.softplus(self.attractors[number](embedding))

    def attracted(self, number: int, centres: Tensor, embedding: Tensor) -> Tensor:
        """The centres after a path's attractors have pulled each of them by dx / (1 + 300 dx^2) on average."""
        points = self.points(number, embedding)
        pull = torch.zeros_like(centres)
        for point in points.split(1, dim=1):  # all distances at once would be the largest tensor of the network
            distance = point - centres
            pull = pull + distance / (1 + REACH * distance**2)
        return centres + pull / points.shape[1]

    def metres(self, centres: Tensor) -> Tensor:
        return centres

    def shares(self, told: Tensor) -> Tensor:
        """How much each bin counts, (B, C, H, W) -> (B, bins, H, W): a binomial distribution by a chance and a temperature for each pixel."""
        success, failure, hot, cold = (F.softplus(self.distribution(told)) + 1e-4).split(1, dim=1)
        chance = success / (success + failure)
        temperature = (HOTTEST - COLDEST) * (hot / (hot + cold)) + COLDEST
        choices = told.new_tensor(self.log_choices).view(1, -1, 1, 1)
        successes = torch.arange(len(self.log_choices), dtype=told.dtype, device=told.device).view(1, -1, 1, 1)
        logs = choices + successes * chance.clamp(1e-4, 1.0).log() + successes.flip(1) * (1 - chance).clamp(1e-4, 1.0).log()
        return torch.softmax(logs / temperature, dim=1)


class NormedBins(Bins):
    """The same with centres as shares of the largest depth, which the first ones divide among them."""

    def centres(self, summary: Tensor) -> Tensor:
        widths = F.relu(self.seed(summary)) + 1e-3
        widths = widths / widths.sum(dim=1, keepdim=True)
        return widths.cumsum(dim=1) - widths / 2

    def points(self, number: int, embedding: Tensor) -> Tensor:
        first_of_two = self.attractors[number](embedding)[
            :, ::2
        ]  # the original divides by the sum of both, and then goes on with the first
        return F.relu(first_of_two) + 1e-3

    def metres(self, centres: Tensor) -> Tensor:
        metres = (self.max_depth - NEAREST) * centres + NEAREST
        return metres.sort(dim=1).values.clamp(NEAREST, self.max_depth)


class MetricBins(nn.Module):
    """Bins that are made from the coarsest map, and moved by each path on its way to the finest."""

    keeps_float32 = True  # an attractor multiplies squares of distances by 300, and logarithms are divided by temperatures down to 0.02

    def __init__(self, widths: Sequence[int], config: MetricBinsHeadConfig) -> None:
        super().__init__()
        path_widths = (*reversed(widths[:-1]), widths[0])  # a path has the width of the next finer block, and the finest its own
        hidden, width = config.embedding_hidden_width, config.embedding_width
        self.bottleneck = nn.Conv2d(widths[-1], widths[-1], kernel_size=1)
        self.seed_embedding = _pixelwise(widths[-1], hidden, width)
        self.path_embeddings = nn.ModuleList(_pixelwise(path_width, hidden, width) for path_width in path_widths)

    def forward(self, coarsest: Tensor, paths: Sequence[Tensor], told: Tensor) -> Tensor:
        """The coarsest map, all paths from the coarsest on, and what the head tells each pixel (B, C, H, W) -> metres (B, H, W)."""
        summary = self.bottleneck(coarsest)
        return self.predicted(self.chosen(summary), summary, paths, told)

    def predicted(self, bins: Bins, summary: Tensor, paths: Sequence[Tensor], told: Tensor) -> Tensor:
        """Metres by the bins of one kind of place."""
        centres, embedding = bins.centres(summary), self.seed_embedding(summary)
        for number, path in enumerate(paths):
            before, embedding = embedding, self.path_embeddings[number](path)
            size = (path.shape[2], path.shape[3])
            centres = bins.attracted(number, _resized(centres, size), embedding + _resized(before, size))
        size = (told.shape[2], told.shape[3])
        shares = bins.shares(torch.cat([told, _resized(embedding, size)], dim=1))  # (B, bins, H, W), one in sum
        return (shares * _resized(bins.metres(centres), size)).sum(dim=1)

    @abstractmethod
    def chosen(self, summary: Tensor) -> Bins:
        """The bins for the pictures of this map."""


class PlainMetricBins(MetricBins):
    """The same bins for every picture."""

    def __init__(self, widths: Sequence[int], config: MetricBinsHeadConfig, max_depth: float) -> None:
        super().__init__(widths, config)
        # The head tells its features and the relative depth it makes of them.
        self.everywhere = BINS[config.centres](widths[-1], config.projection_width + 1, config, max_depth)

    def chosen(self, summary: Tensor) -> Bins:
        return self.everywhere


class RoutedMetricBins(MetricBins):
    """Bins for rooms and bins for streets; a router says which are for the pictures of a batch, for all of them together."""

    def __init__(self, widths: Sequence[int], config: RoutedMetricBinsHeadConfig) -> None:
        super().__init__(widths, config)
        self.router = Router(widths[-1], len(PLACES), config.router)
        kind = BINS[config.centres]
        self.places = nn.ModuleDict(
            {name: kind(widths[-1], config.projection_width, config, max_depth) for name, max_depth in PLACES.items()}
        )

    def forward(self, coarsest: Tensor, paths: Sequence[Tensor], told: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            return super().forward(coarsest, paths, told)
        summary = self.bottleneck(coarsest)  # a graph has no choice between its parts, and makes metres for every kind of place
        rooms, streets = (self.predicted(bins, summary, paths, told) for bins in self.everywhere())
        return torch.where(self.votes(summary).argmax() == 0, rooms, streets)

    def chosen(self, summary: Tensor) -> Bins:
        votes = self.votes(summary)
        number = 0 if votes.is_meta else int(votes.argmax())  # where there are no values, the work is the same for all places
        return self.everywhere()[number]

    def votes(self, summary: Tensor) -> Tensor:
        """(B, C, h, w) -> (places,)"""
        return self.router(summary).sum(dim=0)

    def everywhere(self) -> list[Bins]:
        return list(self.places.children())  # type: ignore[arg-type]  # torch knows them as modules


BINS: dict[str, type[Bins]] = {"softplus": Bins, "normed": NormedBins}


def metric_bins(config: DPTConfig) -> MetricBins:
    widths = config.fusion.widths
    if isinstance(config.head, RoutedMetricBinsHeadConfig):
        return RoutedMetricBins(widths, config.head)
    assert isinstance(config.head, MetricBinsHeadConfig) and config.output.max_depth is not None, "checked where the configuration is read"
    return PlainMetricBins(widths, config.head, config.output.max_depth)


def _pixelwise(inputs: int, hidden: int, outputs: int, between: nn.Module | None = None) -> nn.Sequential:
    """Two layers on the channels of each pixel."""
    between = between or nn.ReLU(inplace=True)
    return nn.Sequential(nn.Conv2d(inputs, hidden, kernel_size=1), between, nn.Conv2d(hidden, outputs, kernel_size=1))


def _resized(feature_map: Tensor, size: Grid) -> Tensor:
    return F.interpolate(feature_map, size=size, mode="bilinear", align_corners=True)


def _log_choices(bins: int) -> list[float]:
    """The logarithm of how many ways there are to choose 0, 1, ... of all bins but one, by Stirling's formula as the original has it."""
    tiny, others = 1e-7, bins - 1

    def stirling(count: float) -> float:
        return count * math.log(count)

    return [
        stirling(others + tiny) - stirling(chosen + tiny) - (others - chosen) * math.log(others - chosen + tiny) for chosen in range(bins)
    ]
