"""The dense prediction transformer, part by part in the order of the paper.

    image -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion -> head -> prediction

"Vision Transformers for Dense Prediction", Ranftl, Bochkovskiy and Koltun, https://arxiv.org/abs/2103.13413
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from model_defs.config import DPTConfig
from model_defs.patch_embed import Grid


class DPT(nn.Module):
    """A plain transformer under a convolutional decoder. A variant is another part in one of these places."""

    pictures = 1  # that it sees together

    def __init__(
        self,
        config: DPTConfig,
        *,
        patch_embed: nn.Module,
        posenc: nn.Module | None = None,
        imgencoder: nn.Module,
        reassemble: nn.Module,
        fusion: nn.Module,
        head: nn.Module,
        multiple: int | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.multiple = multiple or config.image.multiple  # of which both sides have to be; pictures may be brought to a larger one
        self.patch_embed = patch_embed
        if posenc is not None:
            self.posenc = posenc
        self.imgencoder = imgencoder
        self.reassemble = reassemble
        self.fusion = fusion
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, H, W), or (B, channels, H, W) where there is more than one."""
        self.check(image)
        taps, grid = self.encode(image)
        maps = self.reassemble(taps, grid)  # four maps, finest first, each half as large as the one before
        path = self.fusion(maps)  # twice as large as the finest map
        prediction: Tensor = self.head(path, (image.shape[2], image.shape[3]))
        return prediction

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        """What the encoder hands over at four depths, and the grid of patches it belongs to."""
        tokens, grid = self.patch_embed(image)  # (B, 1 + h * w, C), the class token first
        tokens = self.posenc(tokens, grid)
        return self.imgencoder(tokens, grid), grid

    def check(self, image: Tensor) -> None:
        """A sentence, not a crash five layers down."""
        expected = self.config.image
        if image.ndim != 4:
            raise ValueError(f"expected images of shape (batch, {expected.channels}, height, width), got {tuple(image.shape)}")
        if image.shape[1] != expected.channels:
            raise ValueError(f"expected {expected.channels} channels, got {image.shape[1]} in an input of shape {tuple(image.shape)}")
        self.check_size(image.shape[2], image.shape[3])
        weight = next(self.parameters())
        if image.dtype != weight.dtype:
            raise ValueError(
                f"expected {weight.dtype} like the weights, got {image.dtype}; use image.to({weight.dtype}) or model.to({image.dtype})"
            )

    def check_size(self, height: int, width: int) -> None:
        multiple = self.multiple
        if height % multiple or width % multiple or not height or not width:
            nearest = [max(multiple, round(side / multiple) * multiple) for side in (height, width)]
            raise ValueError(
                f"expected sides that are multiples of {multiple}, got {height} x {width}; {nearest[0]} x {nearest[1]} is near"
            )


class RelativeDPT(DPT):
    """The same under an encoder that compares the positions of tokens instead of adding them."""

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        tokens, grid = self.patch_embed(image)
        return self.imgencoder(tokens, grid), grid


class HybridDPT(DPT):
    """The same on patches that come out of a convolutional network, whose own finer maps take the place of the first taps."""

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        tokens, grid, maps = self.patch_embed(image)
        tokens = self.posenc(tokens, grid)
        return [*maps, *self.imgencoder(tokens, grid)], grid


class HierarchicalDPT(DPT):
    """The same decoder under an encoder whose stages hand over maps of four scales: no positions to add, no tokens to lay out."""

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        maps = self.imgencoder(self.patch_embed(image))  # finest first, (B, C, h, w), (B, C', h / 2, w / 2), ...
        return maps, (maps[0].shape[2], maps[0].shape[3])
