"""The decoder above LeViT: three maps instead of four, the finest a sixteenth of the image, and so more enlarging after fusion."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from model_defs.config import Grid, LeViTConfig
from model_defs.dpt import HierarchicalDPT


class LeViTDPT(HierarchicalDPT):
    """Between fusion and head, a stem turned around gives back sides that the encoder's stem took."""

    transposed_stem: nn.Module

    def decode(self, taps: Sequence[Tensor], grid: Grid) -> Tensor:
        return self.transposed_stem(super().decode(taps, grid))  # an eighth of the image's sides -> half of them

    def check_size(self, height: int, width: int) -> None:
        encoder = self.config.encoder
        assert isinstance(encoder, LeViTConfig)
        size = 16 * encoder.side
        if (height, width) != (size, size):
            raise ValueError(
                f"expected {size} x {size}, got {height} x {width}; this LeViT learned where things are on a map of "
                f"{encoder.side} x {encoder.side}, a sixteenth of the image's sides, and takes no other size"
            )


class TransposedStem(nn.Sequential):
    """Transposed convolutions that double the map, each followed by a hard-swish."""

    def __init__(self, width: int, widths: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((width, *widths)):
            layers += [NormalizedTransposedConvolution(inputs, outputs), nn.Hardswish()]
        super().__init__(*layers)


class NormalizedTransposedConvolution(nn.ConvTranspose2d):
    """A doubling transposed convolution with batch normalisation after it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, feature_map: Tensor, output_size: list[int] | None = None) -> Tensor:
        return self.norm(super().forward(feature_map, output_size))
