"""Next-ViT: stages of convolution blocks, a few of them closed by a block that also looks at the whole map.

"Next-ViT: Next Generation Vision Transformer for Efficient Deployment in Realistic Industrial Scenarios", Li et al., https://arxiv.org/abs/2207.05501
"""

from __future__ import annotations

from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DPTConfig, NextViTConfig
from model_defs.networks.next_vit import NextViTDPT
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.fusion import fusion
from model_defs.parts.head import head
from model_defs.parts.reassemble import reassemble_maps


class NextViTStem(nn.Sequential):
    """Four convolutions, of which the first and the last halve the map."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs, stride in zip((channels, *widths), widths, (2, 1, 1, 2), strict=False):
            layers += [NormalizedConvolution(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class Embedding(NormalizedConvolution):
    """To another number of channels, pixel by pixel."""

    def __init__(self, inputs: int, outputs: int, before: nn.Module | None = None) -> None:
        super().__init__(inputs, outputs, 1, before=before)


class HalvingEmbedding(Embedding):
    """The same for the mean of every two by two pixels; an odd side keeps its last row, where a mean is of fewer pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, before=nn.AvgPool2d(kernel_size=2, ceil_mode=True, count_include_pad=False))


class ConvolutionalAttention(nn.Module):
    """The MHCA of the paper: each head is a group of channels that looks around itself; heads are mixed after."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.group_conv = NormalizedConvolution(width, width, 3, padding=1, groups=width // head_width)
        self.proj = nn.Conv2d(width, width, kernel_size=1, bias=False)

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.proj(F.relu(self.group_conv(feature_map), inplace=True))


class ReducedAttention(nn.Module):
    """The E-MHSA: every token asks, and means of several tokens in a row answer."""

    def __init__(self, width: int, head_width: int, reduction: int) -> None:
        super().__init__()
        self.head_width, self.reduction = head_width, reduction
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.reduce = nn.Sequential(nn.AvgPool1d(reduction**2), nn.BatchNorm1d(width)) if reduction > 1 else nn.Identity()

    def forward(self, feature_map: Tensor) -> Tensor:
        rows, columns = feature_map.shape[2:]
        if rows * columns < self.reduction**2:
            raise ValueError(
                f"expected a map of {self.reduction**2} pixels or more, got {rows} x {columns}; an image of 32 x 32 is large enough"
            )
        tokens = feature_map.flatten(2)  # (B, C, h * w), row by row; means run on from one row to the next
        answering = self.reduce(tokens)  # (B, C, h * w / reduction^2), what is left over at the end does not answer
        queries = self.by_head(self.q(tokens.transpose(1, 2)))
        keys, values = map(self.by_head, self.kv(answering.transpose(1, 2)).chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)  # (B, h * w, C)
        return self.proj(mixed).transpose(1, 2).unflatten(2, (rows, columns))

    def by_head(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (-1, self.head_width)).transpose(1, 2)  # (B, N, C) -> (B, heads, N, C / heads)


class MLP(nn.Module):
    """Two layers for each pixel's channels."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, hidden, kernel_size=1)
        self.conv2 = nn.Conv2d(hidden, width, kernel_size=1)

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.conv2(F.relu(self.conv1(feature_map), inplace=True))


class ConvolutionBlock(nn.Module):
    """The NCB: a transformer's block with convolutions in the place of attention."""

    def __init__(self, embed: nn.Module, width: int, mlp_width: int, head_width: int) -> None:
        super().__init__()
        self.embed = embed
        self.mhca = ConvolutionalAttention(width, head_width)
        self.norm = nn.BatchNorm2d(width)
        self.mlp = MLP(width, mlp_width)

    def forward(self, feature_map: Tensor) -> Tensor:
        feature_map = self.embed(feature_map)
        feature_map = feature_map + self.mhca(feature_map)
        return feature_map + self.mlp(self.norm(feature_map))


class TransformerBlock(nn.Module):
    """The NTB: some channels from attention over the whole map, the others from convolutions over those, then the MLP."""

    def __init__(
        self, embed: nn.Module, attention: ReducedAttention, attention_width: int, width: int, mlp_width: int, head_width: int
    ) -> None:
        super().__init__()
        self.embed = embed
        self.norm_attn = nn.BatchNorm2d(attention_width)
        self.attn = attention
        self.reembed = embedding(attention_width, width - attention_width, stride=1)
        self.mhca = ConvolutionalAttention(width - attention_width, head_width)
        self.norm_mlp = nn.BatchNorm2d(width)
        self.mlp = MLP(width, mlp_width)

    def forward(self, feature_map: Tensor) -> Tensor:
        far = self.embed(feature_map)
        far = far + self.attn(self.norm_attn(far))
        near = self.reembed(far)
        near = near + self.mhca(near)
        feature_map = torch.cat([far, near], dim=1)
        return feature_map + self.mlp(self.norm_mlp(feature_map))


class NextViT(nn.Module):
    """Four stages, each but the first beginning with half the sides; what the last block of each gives is handed over."""

    def __init__(self, config: NextViTConfig) -> None:
        super().__init__()
        ends = list(accumulate(config.depths))
        self.taps = [end - 1 for end in ends]
        self.blocks = nn.ModuleList()
        inputs = config.stem_widths[-1]
        for stage, depth in enumerate(config.depths):
            for number in range(ends[stage] - depth, ends[stage]):
                stride = 2 if stage and number == ends[stage] - depth else 1
                if number in config.transformers:
                    inner, outputs = config.attention_widths[stage], config.transformer_widths[stage]
                    attention = ReducedAttention(inner, config.head_width, config.reductions[stage])
                    hidden = config.transformer_mlp_widths[stage]
                    block = TransformerBlock(embedding(inputs, inner, stride), attention, inner, outputs, hidden, config.head_width)
                    self.blocks.append(block)
                else:
                    outputs, hidden = config.widths[stage], config.mlp_widths[stage]
                    self.blocks.append(ConvolutionBlock(embedding(inputs, outputs, stride), outputs, hidden, config.head_width))
                inputs = outputs

    def forward(self, feature_map: Tensor) -> list[Tensor]:
        maps = []
        for number, block in enumerate(self.blocks):
            feature_map = block(feature_map)  # (B, C, H / 4, W / 4), then / 8, / 16, / 32
            if number in self.taps:
                maps.append(feature_map)
        return maps


def embedding(inputs: int, outputs: int, stride: int) -> nn.Module:
    """What brings a map to the channels and the size a block works with; nothing where they are right."""
    if stride == 2:
        return HalvingEmbedding(inputs, outputs)
    return nn.Identity() if inputs == outputs else Embedding(inputs, outputs)


def network(config: DPTConfig, encoder: NextViTConfig) -> NextViTDPT:
    return NextViTDPT(
        config,
        patch_embed=NextViTStem(config.image.channels, encoder.stem_widths),
        imgencoder=NextViT(encoder),
        reassemble=reassemble_maps(config, encoder.handed_on),
        fusion=fusion(config.fusion),
        head=head(config),
        multiple=4,  # the stem's stride; later maps may have odd sides
    )
