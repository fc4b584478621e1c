"""The fusion of MiDaS v2.1, the model before DPT: blocks without a last projection, whose residual units rectify what they add to."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from model_defs.config import FusionConfig, Grid
from model_defs.parts.fusion import DoublingFusion, Enlarge, FusionBlock, RectifiedResidualConvolution, TopFusionBlock


class RefineEnlarge(nn.Sequential):
    """A residual unit and enlarging, to as many channels as before."""

    def __init__(self, width: int, config: FusionConfig) -> None:
        super().__init__(RectifiedResidualConvolution(width, config), Enlarge())

    def forward(self, feature_map: Tensor, size: Grid) -> Tensor:  # type: ignore[override]  # one more argument than a sequence takes
        refine, enlarge = self
        return enlarge(refine(feature_map), size)


class MidasV21Fusion(DoublingFusion):
    """The same order of blocks as in DPT, all of one width."""

    def make_blocks(self, config: FusionConfig) -> Sequence[nn.Module]:
        *finer, coarsest = (RefineEnlarge(width, config) for width in config.widths)
        units = (RectifiedResidualConvolution(width, config) for width in config.widths[:-1])
        return [*map(FusionBlock, units, finer), TopFusionBlock(coarsest)]
