"""DINOv2's vision transformer on several views of one scene: from some block on, every other block looks across all of them.

"Depth Anything 3: Recovering the Visual Space from Any Views", Lin et al., https://arxiv.org/abs/2511.10647
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.config import DINOv2ViewsConfig, Grid
from model_defs.encoders.rotary import NormalizedRotaryAttention, places, places_after, rotation
from model_defs.encoders.transformer import MLP, Attention, ScaledBlock, SwiGLU
from model_defs.encoders.views import across_views, first_and_others, within_views
from model_defs.tracing import as_tensor, is_known

CHOSEN_FROM = 3  # views, from which on one of them is chosen to be the first


class DINOv2Views(nn.Module):
    """A stack of blocks; of each view is tapped what it last found alone, beside what the block has found."""

    def __init__(self, config: DINOv2ViewsConfig) -> None:
        super().__init__()
        mlp = {"gelu": MLP, "swiglu": SwiGLU}[config.mlp]
        self.taps = config.taps
        self.alternates_from = config.alternates_from
        self.head_width = config.width // config.heads
        self.base = config.rotation_base
        self.camera_tokens = nn.Parameter(torch.zeros(1, 2, config.width))  # of the first view and of all others
        self.blocks = nn.ModuleList(
            ScaledBlock(
                config.width,
                (Attention if number < config.alternates_from else NormalizedRotaryAttention)(config.width, config.heads),
                mlp(config.width, config.mlp_width),
            )
            for number in range(config.depth)
        )
        self.outnorm = nn.LayerNorm(config.width, eps=1e-5)

    def forward(self, tokens: Tensor, grid: Grid, cameras: Tensor | None) -> tuple[list[Tensor], Tensor]:
        """(B, views, 1 + N, C), and the tokens of cameras that are told, (B, views, C) -> what is tapped of the patches, (B, views, N, 2 C),
        and the camera of each view, (B, views, 2 C)."""
        batch, views = tokens.shape[:2]
        here = places(grid, tokens)
        apart, alike = (
            rotation(places_after(1, patches), self.head_width, self.base, tokens) for patches in (here, torch.zeros_like(here))
        )
        alone, order, tapped = tokens, None, []
        for number, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            if number == self.alternates_from - 1 and cameras is None and not (is_known(views) and views < CHOSEN_FROM):
                first = most_balanced(tokens[:, :, 0])
                order = with_first(torch.where(as_tensor(views, tokens) < CHOSEN_FROM, torch.zeros_like(first), first), views)
                tokens = reordered(tokens, order)
            if number == self.alternates_from:
                known = first_and_others(self.camera_tokens, batch, views) if cameras is None else cameras
                tokens = torch.cat([known[:, :, None], tokens[:, :, 1:]], dim=2)
            if number < self.alternates_from:
                tokens = alone = within_views(block, tokens)
            elif number % 2:
                tokens = across_views(block, tokens, alike)  # what is in another view is not nearer for being in the same place
            else:
                tokens = alone = within_views(block, tokens, apart)
            if number in self.taps:
                both = torch.cat([alone, tokens], dim=-1)
                tapped.append(both if order is None else reordered(both, order.argsort(dim=1)))
        width = tokens.shape[-1]
        normed = [torch.cat([tap[:, :, 1:, :width], self.outnorm(tap[:, :, 1:, width:])], dim=-1) for tap in tapped]
        return normed, tapped[-1][:, :, 0]


def most_balanced(class_tokens: Tensor) -> Tensor:
    """The view that is least extreme: in how it resembles the others, and in the length and the variance of its class token.

    (B, views, C) -> (B,)
    """
    lengths = class_tokens.norm(dim=-1)
    directions = class_tokens / lengths[..., None]
    resemblance = (directions @ directions.transpose(1, 2)).sum(dim=-1) - 1  # each resembles itself by one
    extremity = torch.zeros_like(lengths)
    for measure in (resemblance / (class_tokens.shape[1] - 1), lengths, directions.var(dim=-1)):
        lowest, highest = measure.amin(dim=1, keepdim=True), measure.amax(dim=1, keepdim=True)
        extremity = extremity + ((measure - lowest) / (highest - lowest + 1e-8) - 0.5).abs()
    return extremity.argmin(dim=1)


def with_first(first: Tensor, views: int) -> Tensor:
    """The order in which one view of each scene comes first, and the others after it as they were: (B,) -> (B, views)."""
    numbers = torch.arange(views, device=first.device).expand(first.shape[0], -1)
    others = numbers - (numbers <= first[:, None]).long()  # those before it move back by one
    return torch.where(numbers == 0, first[:, None], others)


def reordered(tokens: Tensor, order: Tensor) -> Tensor:
    """(B, views, N, C), the views of each scene in another order, (B, views)."""
    return tokens.gather(1, order[:, :, None, None].expand_as(tokens))
