"""The vision transformer of DINOv2, the image encoder of Depth-Anything."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from model_defs.encoder_config import DINOv2Config
from model_defs.encoders.transformer import MLP, ScaledBlock, SwiGLU


class DINOv2(nn.Module):
    """A stack of blocks with scaled branches; what is tapped goes through the last norm."""

    def __init__(self, config: DINOv2Config, attention: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        mlp = {"gelu": MLP, "swiglu": SwiGLU}[config.mlp]
        self.taps = config.taps
        self.blocks = nn.ModuleList(
            ScaledBlock(config.width, attention(config.width, config.heads), mlp(config.width, config.mlp_width))
            for _ in range(config.depth)
        )
        self.outnorm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        tapped = []
        for number, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens = block(tokens)  # (B, 1 + N, C)
            if number in self.taps:
                tapped.append(self.outnorm(tokens))
        return tapped
