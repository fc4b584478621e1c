"""From maps of four scales to one: the coarsest is refined and enlarged, the next finer one is added, and so on.

What comes after a block, such as attention over the frames of a film, is added to the blocks that `make_blocks` returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import FusionConfig, Grid
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.tracing import is_known


class ResidualConvolution(nn.Module):
    """Two convolutions, each on the rectified map, added to what came in."""

    def __init__(self, width: int, config: FusionConfig) -> None:
        super().__init__()
        self.resconv_seq = nn.Sequential(nn.ReLU(), _convolution(width, config), nn.ReLU(inplace=True), _convolution(width, config))

    def forward(self, feature_map: Tensor) -> Tensor:
        return feature_map + self.resconv_seq(feature_map)


class RectifiedResidualConvolution(ResidualConvolution):
    """The convolutions' result is added to the rectified map: in training the first ReLU overwrote what it was given."""

    def forward(self, feature_map: Tensor) -> Tensor:
        return super().forward(F.relu(feature_map))


class Enlarge(nn.Module):
    """Bilinear, with the corners of both maps on each other."""

    def forward(self, feature_map: Tensor, size: Grid) -> Tensor:
        return F.interpolate(feature_map, size=size, mode="bilinear", align_corners=True)


class RefineEnlargeProject(nn.Sequential):
    """A residual unit, enlarging, and a projection of each pixel to the width of the next finer block."""

    def __init__(self, refine: nn.Module, width: int, next_width: int) -> None:
        super().__init__(refine, Enlarge(), nn.Conv2d(width, next_width, kernel_size=1))

    def forward(self, feature_map: Tensor, size: Grid) -> Tensor:  # type: ignore[override]  # one more argument than a sequence takes
        refine, enlarge, project = self
        return project(enlarge(refine(feature_map), size))


class TopFusionBlock(nn.Module):
    """The coarsest block: there is no path to join yet."""

    def __init__(self, scale_proj_seq: nn.Module) -> None:
        super().__init__()
        self.scale_proj_seq = scale_proj_seq

    def forward(self, feature_map: Tensor, size: Grid) -> Tensor:
        return self.scale_proj_seq(feature_map, size)


class FusionBlock(nn.Module):
    """Joins the path from the coarser blocks with the map of its own scale."""

    def __init__(self, conv_reassembly: nn.Module, scale_proj_seq: nn.Module) -> None:
        super().__init__()
        self.conv_reassembly = conv_reassembly
        self.scale_proj_seq = scale_proj_seq

    def forward(self, feature_map: Tensor, path: Tensor, size: Grid) -> Tensor:
        return self.scale_proj_seq(path + self.conv_reassembly(feature_map), size)


class Fusion(nn.Module):
    """Blocks, finest first, that run from the coarsest on; each path is brought to the size of the next finer map."""

    unit: type[ResidualConvolution] = ResidualConvolution

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(self.make_blocks(config))

    def make_blocks(self, config: FusionConfig) -> Sequence[nn.Module]:
        next_widths = (config.widths[0], *config.widths[:-1])
        pairs = zip(config.widths, next_widths, strict=True)
        *finer, coarsest = (RefineEnlargeProject(self.unit(width, config), width, next_width) for width, next_width in pairs)
        units = (self.unit(width, config) for width in config.widths[:-1])
        return [*map(FusionBlock, units, finer), TopFusionBlock(coarsest)]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The finest path, twice as large as the finest map."""
        for path in self.paths(maps):  # noqa: B007  # none but the last is wanted, and the others need not be kept
            pass
        return path

    def paths(self, maps: Sequence[Tensor]) -> Iterator[Tensor]:
        """What leaves every block, one after another, coarsest first."""
        sizes = [doubled(maps[0]), *self.sizes(maps)]
        path = self.blocks[-1](maps[-1], sizes[-1])
        yield path
        for number in reversed(range(len(maps) - 1)):
            path = self.blocks[number](maps[number], self.fitted(path, maps[number]), sizes[number])
            yield path

    def sizes(self, maps: Sequence[Tensor]) -> list[Grid]:
        """What the paths of all blocks but the finest are enlarged to."""
        return [(finer.shape[2], finer.shape[3]) for finer in maps[:-1]]

    def fitted(self, path: Tensor, feature_map: Tensor) -> Tensor:
        """The path as the map it joins needs it."""
        return path


class RectifiedFusion(Fusion):
    """Its units rectify what they add to."""

    unit = RectifiedResidualConvolution


class DoublingFusion(Fusion):
    """Each path is doubled, whatever the next map's size."""

    def sizes(self, maps: Sequence[Tensor]) -> list[Grid]:
        return [doubled(feature_map) for feature_map in maps[1:]]


class CroppingFusion(DoublingFusion):
    """Each path is doubled, and loses its last row or column where the next map has an odd number of them."""

    def fitted(self, path: Tensor, feature_map: Tensor) -> Tensor:
        return path[..., : feature_map.shape[2], : feature_map.shape[3]]


class MapFittingFusion(Fusion):
    """Each path is doubled, and a map that is of another size is brought to that."""

    def paths(self, maps: Sequence[Tensor]) -> Iterator[Tensor]:
        path = self.blocks[-1](maps[-1], doubled(maps[-1]))
        yield path
        for block, feature_map in zip([*self.blocks][-2::-1], maps[-2::-1], strict=True):
            # Bringing a map to its own size leaves every bit as it is, so that a graph does it at any size.
            if not is_known(*feature_map.shape[2:]) or feature_map.shape[2:] != path.shape[2:]:
                feature_map = F.interpolate(feature_map, size=path.shape[2:], mode="bilinear", align_corners=False)
            path = block(feature_map, path, doubled(path))
            yield path


FUSIONS: dict[str, type[Fusion]] = {
    "to next": Fusion,
    "double": DoublingFusion,
    "double and crop": CroppingFusion,
    "double and fit maps": MapFittingFusion,
}


def fusion(config: FusionConfig) -> Fusion:
    return FUSIONS[config.resize](config)


def doubled(feature_map: Tensor) -> Grid:
    return 2 * feature_map.shape[2], 2 * feature_map.shape[3]


def _convolution(width: int, config: FusionConfig) -> nn.Conv2d:
    if config.batch_norm:
        return NormalizedConvolution(width, width, 3, padding=1, bias=config.bias)
    return nn.Conv2d(width, width, kernel_size=3, padding=1, bias=config.bias)
