"""A film -> depth for every pixel of every frame, steady in time: the dense prediction transformer, whose coarse maps look across the frames.

    frames -> patch_embed -> posenc -> imgencoder -> reassemble            each frame alone
           -> motion -> two coarse blocks of fusion, motion after each     all frames together
           -> two fine blocks of fusion -> head -> depth                   each frame alone

"Video Depth Anything: Consistent Depth Estimation for Super-Long Videos", Chen et al., https://arxiv.org/abs/2501.12375
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from model_defs.config import DINOv2Config, DPTConfig, FilmDepthHeadConfig, Grid
from model_defs.dpt import PlainDPT
from model_defs.encoders.dinov2 import parts
from model_defs.parts.fusion import Fusion, doubled, fusion
from model_defs.parts.head import head
from model_defs.parts.motion import Motion
from model_defs.parts.reassemble import Reassemble, ReassembleTokens
from model_defs.tracing import pieces

FRAMES = 4  # that go through the network together where each is seen alone; more would only take memory


class Maps(NamedTuple):
    """What frames show by themselves, (frames, C, h, w) each: two maps ready for fusion, and two that look at the other frames first."""

    finest: Tensor
    fine: Tensor
    coarse: Tensor
    coarsest: Tensor


class FilmReassemble(Reassemble):
    """The two coarse maps are not brought to the width of the fusion yet."""

    def forward(self, taps: Sequence[Tensor], grid: Grid) -> Maps:  # type: ignore[override]  # maps that have names
        finest, fine, *coarse = self.children()
        looking = (cast(ReassembleTokens, scale).resampled(tap, grid) for scale, tap in zip(coarse, taps[2:], strict=True))
        return Maps(finest(taps[0], grid), fine(taps[1], grid), *looking)


class FilmDPT(PlainDPT):
    """Depth for some frames of a film, as many as have a position in time at most; `predict_video` joins films of any length from such windows.

    There are three steps, so that a frame which is in two windows is seen once, and depth which nobody asks for is not computed:
    what each frame shows by itself (`see`), what the frames tell each other (`watch`), and depth (`tell`).
    """

    inputs = ("frames",)
    config: DPTConfig
    reassemble: FilmReassemble
    motion: nn.ModuleDict
    fusion: Fusion

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, 3, H, W), normalised -> (B, T, H, W)."""
        self.check(frames)
        seen = [self.see(few) for few in pieces(frames.flatten(0, 1), FRAMES)]
        coarse, coarsest = torch.cat([maps.coarse for maps in seen]), torch.cat([maps.coarsest for maps in seen])
        path = self.watch(coarse, coarsest, frames.shape[1], sides(seen[0].fine))
        few = zip(pieces(path, FRAMES), seen, strict=True)
        depth = torch.cat([self.tell(one, maps, (frames.shape[3], frames.shape[4])) for one, maps in few])
        return depth.unflatten(0, frames.shape[:2])

    def alone(self, *inputs: Tensor) -> Tensor:
        """Pictures as films that stand still, (B, 3, H, W) -> (B, H, W)."""
        (images,) = inputs
        self.check(images[:, None])
        assert isinstance(self.config.head, FilmDepthHeadConfig)
        with self.exactly():
            return torch.cat([self._still(image, self.config.head.frames) for image in images.split(1)])

    def _still(self, image: Tensor, frames: int) -> Tensor:
        maps = self.see(image)
        coarse, coarsest = (one.expand(frames, -1, -1, -1) for one in (maps.coarse, maps.coarsest))
        return self.tell(self.watch(coarse, coarsest, frames, sides(maps.fine))[:1], maps, (image.shape[2], image.shape[3]))

    def see(self, images: Tensor) -> Maps:
        """(frames, 3, H, W) -> the maps of each."""
        taps, grid = self.encode(images)
        maps: Maps = self.reassemble(taps, grid)
        return maps

    def watch(self, coarse: Tensor, coarsest: Tensor, frames: int, fine: Grid) -> Tensor:
        """Maps of films with this many frames -> the path through the coarse half of the fusion, as large as the fine map, (B * T, C, h, w)."""
        coarse = self._fused("spatial_noscale", coarse, frames)
        coarsest = self._fused("spatial_downx2", coarsest, frames)
        path = self.motion["path_3"](self.fusion.blocks[3](coarsest, sides(coarse)), frames)
        moved: Tensor = self.motion["path_2"](self.fusion.blocks[2](coarse, path, fine), frames)
        return moved

    def tell(self, path: Tensor, maps: Maps, size: Grid) -> Tensor:
        """The path of some frames, and what they show by themselves -> their depth, (frames, H, W)."""
        path = self.fusion.blocks[1](maps.fine, path, sides(maps.finest))
        path = self.fusion.blocks[0](maps.finest, path, doubled(maps.finest))
        depth: Tensor = self.head(path, size)
        return depth

    def check(self, image: Tensor) -> None:
        expected, shape = self.config.image, tuple(image.shape) if isinstance(image, Tensor) else ()
        if isinstance(image, Tensor) and len(shape) != 5:
            raise ValueError(f"expected frames of shape (batch, frames, {expected.channels}, height, width), got {shape}")
        assert isinstance(self.config.head, FilmDepthHeadConfig)
        if shape and not 1 <= shape[1] <= self.config.head.frames:
            raise ValueError(
                f"expected 1 to {self.config.head.frames} frames, for as many have a position in time, got {shape[1]}; "
                "model.predict_video(frames) takes films of any length"
            )
        super().check(image.flatten(0, 1) if shape else image)

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        return (torch.stack([image, image.flip(-1)], dim=1),)

    def _fused(self, scale: str, maps: Tensor, frames: int) -> Tensor:
        moved = self.motion[scale](maps, frames)
        fused: Tensor = self.reassemble.get_submodule(scale).get_submodule("fuse_proj")(moved)
        return fused


def sides(maps: Tensor) -> Grid:
    return maps.shape[2], maps.shape[3]


def network(config: DPTConfig, encoder: DINOv2Config) -> FilmDPT:
    assert isinstance(config.head, FilmDepthHeadConfig)
    below = parts(config, encoder)
    widths = {
        "spatial_noscale": config.reassemble.features[2],
        "spatial_downx2": config.reassemble.features[3],
        "path_3": config.fusion.widths[2],
        "path_2": config.fusion.widths[1],
    }
    frames = config.head.frames
    return FilmDPT(
        config,
        multiple=encoder.patch_size,
        **{**below, "reassemble": FilmReassemble(list(below["reassemble"].children()))},
        motion=nn.ModuleDict({name: Motion(width, frames) for name, width in widths.items()}),
        fusion=fusion(config.fusion),
        head=head(config),
    )
