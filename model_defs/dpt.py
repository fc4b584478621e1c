"""The dense prediction transformer, part by part in the order of the paper.

    image -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion -> head -> prediction

"Vision Transformers for Dense Prediction", Ranftl, Bochkovskiy and Koltun, https://arxiv.org/abs/2103.13413
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.network import Network
from model_defs.precision import as_weights


class DPT(Network):
    """Any image encoder under a convolutional decoder.

    The kinds differ in how an image becomes what the decoder takes. A network that needs more than the prediction runs the same
    steps itself: `fusion.paths(maps)` gives one path after another, and `head.features(path, size)` the activation before the last convolution.
    """

    patch_embed: nn.Module
    imgencoder: nn.Module
    reassemble: nn.Module
    fusion: nn.Module
    head: nn.Module

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, H, W), or (B, channels, H, W) where there is more than one."""
        self.check(image)
        path = self.decode(*self.encode(image))
        return self.head(path, (image.shape[2], image.shape[3]))

    @abstractmethod
    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        """What the encoder hands over at four depths, and the grid of patches it belongs to."""

    def decode(self, taps: Sequence[Tensor], grid: Grid) -> Tensor:
        """One map, twice as large as the finest of the four it is made from."""
        maps = self.reassemble(taps, grid)  # four maps, finest first, each half as large as the one before
        return self.fusion(maps)


class PlainDPT(DPT):
    """The paper's own: a stack of blocks on tokens that are told where they stand."""

    posenc: nn.Module

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        tokens, grid = self.patch_embed(image)  # (B, 1 + h * w, C), the class token first
        return self.imgencoder(self.posenc(tokens, grid)), grid


class RelativeDPT(DPT):
    """An encoder that compares the positions of tokens, so that none are added."""

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        tokens, grid = self.patch_embed(image)
        return self.imgencoder(tokens, grid), grid


class HybridDPT(DPT):
    """Patches that come out of a convolutional network, whose own finer maps take the place of the first taps."""

    posenc: nn.Module

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        tokens, grid, maps = self.patch_embed(as_weights(self.patch_embed, image))
        maps = [feature_map.to(self.dtype) for feature_map in maps]
        return [*maps, *self.imgencoder(self.posenc(tokens.to(self.dtype), grid))], grid


class HierarchicalDPT(DPT):
    """An encoder whose stages hand over maps of four scales: no positions to add, no tokens to lay out."""

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        maps = self.imgencoder(self.patch_embed(image))  # finest first, (B, C, h, w), (B, C', h / 2, w / 2), ...
        return maps, (maps[0].shape[2], maps[0].shape[3])
