"""The plain vision transformer, "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from model_defs.config import DPTConfig, HybridConfig, ViTConfig
from model_defs.dpt import PlainDPT
from model_defs.encoders.efficient_attention import attention
from model_defs.encoders.transformer import MLP, Block
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.patch_embed import PatchEmbedding
from model_defs.parts.positions import PositionEncoding
from model_defs.parts.reassemble import reassemble_tokens


class ViT(nn.Module):
    """A stack of blocks; what is tapped is handed over as it is, without the norm that a classifier would put last."""

    def __init__(self, config: ViTConfig | HybridConfig, attention: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.taps = config.taps
        self.blocks = nn.ModuleList(
            Block(config.width, attention(config.width, config.heads), MLP(config.width, config.mlp_width)) for _ in range(config.depth)
        )

    def forward(self, tokens: Tensor) -> list[Tensor]:
        tapped = []
        for number, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens = block(tokens)  # (B, 1 + N, C)
            if number in self.taps:
                tapped.append(tokens)
        return tapped


def network(config: DPTConfig, encoder: ViTConfig) -> PlainDPT:
    return PlainDPT(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        posenc=PositionEncoding(encoder.width, encoder.grid),
        imgencoder=ViT(encoder, attention(encoder.attention)),
        reassemble=reassemble_tokens(config, [encoder.width] * len(encoder.taps)),
        fusion=fusion(config.fusion),
        head=head(config),
        multiple=encoder.patch_size,
    )
