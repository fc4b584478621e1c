"""A picture and a small map of measured depth -> metres for every pixel: the dense prediction transformer with a prompt.

    picture -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion -> head -> shares of the prompt's range -> metres
                                                                      ^
    prompt, as shares of its range -----------------------------------+

"Prompting Depth Anything for 4K Resolution Accurate Metric Depth Estimation", Lin and others, https://arxiv.org/abs/2412.14015
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DINOv2Config, DPTConfig, FusionConfig, Grid
from model_defs.dpt import PlainDPT
from model_defs.encoders.dinov2 import parts
from model_defs.parts.fusion import Fusion, TopFusionBlock, doubled
from model_defs.parts.head import head
from model_defs.tracing import holds


class PromptBranch(nn.Sequential):
    """Three convolutions, from the prompt at the size of one fusion block to what is added in it."""

    def __init__(self, width: int) -> None:
        first, *others = (nn.Conv2d(inputs, width, kernel_size=3, padding=1) for inputs in (1, width, width))
        super().__init__(first, nn.ReLU(), others[0], nn.ReLU(), others[1])


class PromptedTopBlock(TopFusionBlock):
    """The coarsest block, which sees the prompt after its residual unit."""

    def __init__(self, scale_proj_seq: nn.Module, width: int) -> None:
        super().__init__(scale_proj_seq)
        self.prompt_branch = PromptBranch(width)

    def forward(self, feature_map: Tensor, size: Grid, prompt: Tensor) -> Tensor:  # type: ignore[override]  # one more argument
        refine, enlarge, project = self.scale_proj_seq.children()
        seen = F.interpolate(prompt, size=feature_map.shape[2:], mode="bilinear", align_corners=False)
        refined = refine(feature_map) + self.prompt_branch(seen)
        return enlarge(project(refined), size)  # in this order on fewer pixels; each mixes what the other leaves alone


class PromptedBlock(PromptedTopBlock):
    """Joins the path from the coarser blocks with the map of its own scale first."""

    def __init__(self, conv_reassembly: nn.Module, scale_proj_seq: nn.Module, width: int) -> None:
        super().__init__(scale_proj_seq, width)
        self.conv_reassembly = conv_reassembly

    def forward(self, feature_map: Tensor, path: Tensor, size: Grid, prompt: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(path + self.conv_reassembly(feature_map), size, prompt)


class PromptedFusion(Fusion):
    """Every block sees the prompt, at the size of its own map."""

    def make_blocks(self, config: FusionConfig) -> Sequence[nn.Module]:
        *finer, coarsest = zip(super().make_blocks(config), config.widths, strict=True)
        joining = [
            PromptedBlock(block.get_submodule("conv_reassembly"), block.get_submodule("scale_proj_seq"), width) for block, width in finer
        ]
        return [*joining, PromptedTopBlock(coarsest[0].get_submodule("scale_proj_seq"), coarsest[1])]

    def forward(self, maps: Sequence[Tensor], prompt: Tensor) -> Tensor:  # type: ignore[override]  # one more argument than fusion takes
        """Maps of four scales, finest first, and a prompt of any size, (B, 1, h, w) -> the finest path."""
        sizes = [doubled(maps[0]), *self.sizes(maps)]
        path: Tensor = self.blocks[-1](maps[-1], sizes[-1], prompt)
        for number in reversed(range(len(maps) - 1)):
            path = self.blocks[number](maps[number], path, sizes[number], prompt)
        return path


class PromptedDPT(PlainDPT):
    """Metres, between the nearest and the farthest that the prompt holds."""

    inputs = ("image", "prompt")

    def forward(self, image: Tensor, prompt: Tensor) -> Tensor:  # type: ignore[override]  # one more argument than other networks take
        """(B, 3, H, W), normalised, and metres of any size, (B, 1, h, w) -> metres, (B, H, W)."""
        self.check(image)
        self.check_prompt(image, prompt)
        nearest, farthest = prompt.amin(dim=(1, 2, 3), keepdim=True), prompt.amax(dim=(1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
        self.check_range(nearest, farthest)
        taps, grid = self.encode(image)
        path = self.fusion(self.reassemble(taps, grid), (prompt - nearest) / (farthest - nearest))
        shares = self.head(path, (image.shape[2], image.shape[3]))  # (B, H, W), from 0 to 1
        return shares * (farthest - nearest).squeeze(1) + nearest.squeeze(1)

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        return image, image[:, :1]

    def check_prompt(self, image: Tensor, prompt: Tensor) -> None:
        """ValueError, with one sentence, where a prompt is not what belongs to these images."""
        if not isinstance(prompt, Tensor):
            raise ValueError(f"expected a prompt in metres as a tensor (batch, 1, height, width), got {type(prompt).__name__}")
        if prompt.ndim != 4 or prompt.shape[:2] != (image.shape[0], 1) or not prompt.numel():
            raise ValueError(f"expected a prompt of shape ({image.shape[0]}, 1, height, width), got {tuple(prompt.shape)}")
        if prompt.dtype != image.dtype:
            raise ValueError(f"expected a prompt of {image.dtype} like the images, got {prompt.dtype}; use prompt.to({image.dtype})")

    def check_range(self, nearest: Tensor, farthest: Tensor) -> None:
        if holds(~(torch.isfinite(nearest) & torch.isfinite(farthest)).all()):
            raise ValueError("expected a prompt of finite metres, got one that holds NaN or infinity; fill such places in first")
        if holds((farthest <= nearest).any()):
            raise ValueError(
                f"expected a prompt with more than one depth, got {nearest[farthest <= nearest][0].item():g} metres everywhere: depth is predicted as a "
                "share of the prompt's range, by which the original divides, be it zero"
            )


def network(config: DPTConfig, encoder: DINOv2Config) -> PromptedDPT:
    fusion = PromptedFusion(config.fusion)
    return PromptedDPT(config, **parts(config, encoder), fusion=fusion, head=head(config), multiple=encoder.patch_size)
