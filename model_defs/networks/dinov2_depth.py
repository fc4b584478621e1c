"""DINOv2's own heads for depth, on a backbone that was trained without them: a dense prediction transformer, or one product.

    image, padded to whole patches -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion -> refine -> head -> metres
                                                                        \\-> linear head -> metres

"DINOv2: Learning Robust Visual Features without Supervision", Oquab and others, https://arxiv.org/abs/2304.07193
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DINOv2Config, DPTConfig, Grid, LinearDepthHeadConfig
from model_defs.dpt import PlainDPT
from model_defs.encoders.dinov2 import encoder_parts
from model_defs.parts.fusion import fusion
from model_defs.parts.head import activation, head
from model_defs.parts.reassemble import reassemble_tokens


class PaddedDPT(PlainDPT):
    """Takes images of any size: zeros around them make whole patches, and the prediction is squeezed into the image, zeros and all."""

    refine: nn.Module

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> metres, (B, H, W)."""
        self.check(image)
        taps, grid = self.encode(self.padded(image))
        depth = self.predicted(taps, grid)
        return F.interpolate(depth.unsqueeze(1), size=image.shape[2:], mode="bilinear", align_corners=False).squeeze(1)

    def predicted(self, taps: Sequence[Tensor], grid: Grid) -> Tensor:
        """Metres, at whatever size the decoder leaves them."""
        path = self.decode(taps, grid)
        return self.head(self.refine(path), (path.shape[2], path.shape[3]))

    def padded(self, image: Tensor) -> Tensor:
        """With zeros on all sides, of which the right and the lower have one more where they cannot be equal."""
        encoder = self.config.encoder
        assert isinstance(encoder, DINOv2Config)
        (above, below), (left, right) = (_around(side, encoder.patch_size) for side in image.shape[2:])
        return F.pad(image, (left, right, above, below))


def _around(side: int, patch_size: int) -> tuple[int, int]:
    missing = (side + patch_size - 1) // patch_size * patch_size - side  # exporters follow this, and not the remainder of a negative number
    return missing // 2, missing - missing // 2


class LinearDPT(PaddedDPT):
    """No decoder: the head sees what was tapped as it is."""

    def predicted(self, taps: Sequence[Tensor], grid: Grid) -> Tensor:
        return self.head(taps, grid)


class LinearDepthHead(nn.Module):
    """Each patch's tapped tokens, with the class token beside each, through one matrix: a score for every depth."""

    def __init__(self, encoder: DINOv2Config, config: LinearDepthHeadConfig, last: nn.Module) -> None:
        super().__init__()
        self.enlarging = config.enlarging
        self.scores = nn.Conv2d(2 * encoder.width * len(encoder.taps), config.channels, kernel_size=1)
        self.activation = last

    def forward(self, taps: Sequence[Tensor], grid: Grid) -> Tensor:
        beside = [part for tokens in taps for part in (tokens[:, 1:], tokens[:, :1].expand_as(tokens[:, 1:]))]
        scores = self.scores(torch.cat(beside, dim=-1).transpose(1, 2).unflatten(2, grid))  # (B, depths, h, w)
        # The original enlarges before it multiplies, which is the same on more pixels.
        enlarged = F.interpolate(scores, scale_factor=self.enlarging, mode="bilinear", align_corners=False)
        return self.activation(enlarged).squeeze(1)


def network(config: DPTConfig, encoder: DINOv2Config) -> PaddedDPT:
    below = encoder_parts(config, encoder, outnorm=nn.Identity())  # heads see tokens as the blocks leave them
    if isinstance(config.head, LinearDepthHeadConfig):
        return LinearDPT(config, **below, head=LinearDepthHead(encoder, config.head, activation(config.output)), multiple=1)
    width = config.fusion.widths[0]
    return PaddedDPT(
        config,
        **below,
        reassemble=reassemble_tokens(config, [encoder.width] * len(encoder.taps)),
        fusion=fusion(config.fusion),
        refine=nn.Sequential(nn.Conv2d(width, width, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
        head=head(config),
        multiple=1,
    )
