"""The vision transformer of DINOv2, the image encoder of Depth-Anything."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from model_defs.config import DINOv2Config, DPTConfig
from model_defs.dpt import PlainDPT
from model_defs.encoders.efficient_attention import attention
from model_defs.encoders.transformer import MLP, ScaledBlock, SwiGLU
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.patch_embed import PatchEmbedding
from model_defs.parts.positions import BicubicPositionEncoding
from model_defs.parts.reassemble import reassemble_tokens


class DINOv2(nn.Module):
    """A stack of blocks with scaled branches; what is tapped goes through the last norm, or through what stands in its place."""

    def __init__(self, config: DINOv2Config, attention: Callable[[int, int], nn.Module], outnorm: nn.Module | None = None) -> None:
        super().__init__()
        mlp = {"gelu": MLP, "swiglu": SwiGLU}[config.mlp]
        self.taps = config.taps
        self.blocks = nn.ModuleList(
            ScaledBlock(config.width, attention(config.width, config.heads), mlp(config.width, config.mlp_width))
            for _ in range(config.depth)
        )
        self.outnorm = outnorm or nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        tapped = []
        for number, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens = block(tokens)  # (B, 1 + N, C)
            if number in self.taps:
                tapped.append(self.outnorm(tokens))
        return tapped


def network(config: DPTConfig, encoder: DINOv2Config) -> PlainDPT:
    return PlainDPT(config, **parts(config, encoder), fusion=fusion(config.fusion), head=head(config), multiple=encoder.patch_size)


def parts(config: DPTConfig, encoder: DINOv2Config, outnorm: nn.Module | None = None) -> dict[str, nn.Module]:
    """Everything below fusion, for whatever decoder stands above it."""
    return {**encoder_parts(config, encoder, outnorm), "reassemble": reassemble_tokens(config, [encoder.width] * len(encoder.taps))}


def encoder_parts(config: DPTConfig, encoder: DINOv2Config, outnorm: nn.Module | None = None) -> dict[str, nn.Module]:
    """From an image to what is tapped."""
    return {
        "patch_embed": PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        "posenc": BicubicPositionEncoding(encoder.width, encoder.grid),
        "imgencoder": DINOv2(encoder, attention(encoder.attention), outnorm),
    }
