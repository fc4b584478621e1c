"""Any number of views of a scene: a vision transformer sees each of them alone, then blocks within a view and across all views take turns.

"VGGT: Visual Geometry Grounded Transformer", Wang et al., https://arxiv.org/abs/2503.11651, on "DINOv2", Oquab et al., with the
registers of "Vision Transformers Need Registers", Darcet et al., https://arxiv.org/abs/2309.16588.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.config import DPTConfig, Grid, SceneHeadConfig, VGGTConfig
from model_defs.encoders.rotary import NormalizedRotaryAttention, places, places_after, rotation
from model_defs.encoders.transformer import MLP, Attention, ScaledBlock
from model_defs.encoders.views import across_views, first_and_others, within_views
from model_defs.networks.vggt import VGGT, CameraHead, DenseHead
from model_defs.parts.fusion import RectifiedFusion
from model_defs.parts.head import PlaneHead
from model_defs.parts.patch_embed import PatchEmbedding
from model_defs.parts.positions import AntialiasedPositionEncoding
from model_defs.parts.reassemble import ReassembleTokensInPlane, reassemble_tokens


class RegisteredTransformer(nn.Module):
    """A stack of blocks on a class token, registers and patches; what the patches become is normalised and handed on."""

    def __init__(self, config: VGGTConfig) -> None:
        super().__init__()
        self.registers = nn.Parameter(torch.zeros(1, config.registers, config.width))
        self.blocks = nn.ModuleList(
            ScaledBlock(config.width, Attention(config.width, config.heads), MLP(config.width, config.mlp_width))
            for _ in range(config.depth)
        )
        self.outnorm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        registers = self.registers.expand(tokens.shape[0], -1, -1)
        tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)  # (B, 1 + R + N, C)
        for block in self.blocks:
            tokens = block(tokens)
        return self.outnorm(tokens[:, 1 + registers.shape[1] :])  # (B, N, C)


class Aggregator(nn.Module):
    """Pairs of blocks on a camera token, registers and patches of every view, (B, views, N, C)."""

    def __init__(self, config: VGGTConfig) -> None:
        super().__init__()
        width = config.width
        self.taps = config.taps
        self.head_width = width // config.pair_heads
        self.base = config.rotation_base
        self.cameras = nn.Parameter(torch.zeros(1, 2, 1, width))  # of the first view, and of each other one
        self.registers = nn.Parameter(torch.zeros(1, 2, config.pair_registers, width))
        self.within = nn.ModuleList(_pair_block(config) for _ in range(config.pairs))
        self.across = nn.ModuleList(_pair_block(config) for _ in range(config.pairs))

    def forward(self, patches: Tensor, grid: Grid) -> tuple[list[Tensor], Tensor]:
        """What is tapped of the patches, and the last pair's camera tokens; what both blocks of a pair found lies side by side."""
        batch, views = patches.shape[:2]
        cameras, registers = first_and_others(self.cameras, batch, views), first_and_others(self.registers, batch, views)
        tokens = torch.cat([cameras, registers, patches], dim=2)  # (B, views, 1 + R + N, C)
        special = 1 + registers.shape[2]
        turned = rotation(places_after(special, places(grid, tokens)), self.head_width, self.base, tokens)
        tapped = []
        for number, (within, across) in enumerate(zip(self.within, self.across, strict=True)):
            seen = within_views(within, tokens, turned)
            tokens = across_views(across, seen, turned)
            if number in self.taps:
                tapped.append(torch.cat([seen[:, :, special:], tokens[:, :, special:]], dim=-1))  # (B, views, N, 2 C)
        return tapped, torch.cat([seen[:, :, 0], tokens[:, :, 0]], dim=-1)  # (B, views, 2 C)


def _pair_block(config: VGGTConfig) -> nn.Module:
    attention = NormalizedRotaryAttention(config.width, config.pair_heads)
    return ScaledBlock(config.width, attention, MLP(config.width, config.pair_mlp_width), eps=1e-5)


def network(config: DPTConfig, encoder: VGGTConfig) -> VGGT:
    assert isinstance(config.head, SceneHeadConfig), "other heads are for one picture"
    head = config.head
    channels = {"depth": head.channels, **({"points": head.channels + 2} if head.points else {})}
    return VGGT(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        posenc=AntialiasedPositionEncoding(encoder.width, encoder.grid),
        imgencoder=RegisteredTransformer(encoder),
        aggregator=Aggregator(encoder),
        cameras=CameraHead(2 * encoder.width, head),
        maps=nn.ModuleDict({name: _dense(config, encoder, count) for name, count in channels.items()}),
        multiple=encoder.patch_size,
    )


def _dense(config: DPTConfig, encoder: VGGTConfig, channels: int) -> DenseHead:
    assert isinstance(config.head, SceneHeadConfig)
    width = 2 * encoder.width
    reassemble = reassemble_tokens(config, [width] * len(encoder.taps), ReassembleTokensInPlane)
    head = PlaneHead(config.fusion.widths[0], config.head.upsampler_width, config.head.projection_width, channels)
    return DenseHead(width, reassemble, RectifiedFusion(config.fusion), head)
