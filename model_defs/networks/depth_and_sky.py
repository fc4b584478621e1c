"""One picture -> depth, and what of it is sky: the dense prediction transformer with a second projection.

    image -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion -> head -> depth, behind which the sky is put
                                                                                \\-> sky

"Depth Anything 3: Recovering the Visual Space from Any Views", Lin et al., https://arxiv.org/abs/2511.10647
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model_defs.config import DepthAndSkyHeadConfig, DINOv2Config, DPTConfig, Grid, OutputConfig
from model_defs.dpt import PlainDPT
from model_defs.encoders.dinov2 import parts
from model_defs.parts.fusion import fusion
from model_defs.parts.head import DepthHead
from model_defs.parts.sky import is_land, with_far_sky

NORM_EPS = 1e-5  # of the norm over what is tapped


class DepthAndSkyHead(DepthHead):
    """A convolution, enlarging to the image's size, and a projection for each of the two."""

    def __init__(self, fusion_width: int, config: DepthAndSkyHeadConfig, output: OutputConfig) -> None:
        super().__init__(fusion_width, config, output)
        self.proj_sky = nn.Sequential(
            nn.Conv2d(config.upsampler_width, config.projection_width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(config.projection_width, 1, kernel_size=1),
        )

    def forward(self, path: Tensor, image_size: Grid) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # two maps, not one
        depth, sky = self.project(self.enlarged(path, image_size)).unbind(1)  # (B, 2, H, W)
        return depth.exp(), sky.relu()

    def project(self, feature_map: Tensor) -> Tensor:
        return torch.cat([self.proj_1ch(feature_map), self.proj_sky(feature_map)], dim=1)


class DepthAndSky(PlainDPT):
    """Relative depth, or depth up to the focal length, and how much a pixel looks like sky.

    The sky of one call is put behind what that call sees, so that images of a batch do see each other.
    """

    outputs = ("depth", "sky")
    sees_each_alone = False

    def forward(self, image: Tensor) -> dict[str, Tensor]:  # type: ignore[override]  # two maps, not one
        """(B, 3, H, W), normalised -> depth and sky, (B, H, W)."""
        self.check(image)
        depth, sky = self.head(self.decode(*self.encode(image)), (image.shape[2], image.shape[3]))
        return {"depth": with_far_sky(depth, sky), "sky": sky}

    def agreed(self, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        is_alike = is_land(found["sky"]) == is_land(expected["sky"])
        return {**found, "depth": torch.where(is_alike, found["depth"], expected["depth"])}


def network(config: DPTConfig, encoder: DINOv2Config) -> DepthAndSky:
    assert isinstance(config.head, DepthAndSkyHeadConfig)
    head = DepthAndSkyHead(config.fusion.widths[0], config.head, config.output)
    return DepthAndSky(
        config,
        **parts(config, encoder, nn.LayerNorm(encoder.width, eps=NORM_EPS)),
        fusion=fusion(config.fusion),
        head=head,
        multiple=encoder.patch_size,
    )
