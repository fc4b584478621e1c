"""The plain vision transformer, "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from model_defs.encoder_config import HybridConfig, ViTConfig
from model_defs.encoders.transformer import MLP, Block


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
