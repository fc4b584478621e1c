"""Any number of views of a scene, with or without their cameras -> depth, rays and a camera for each of them.

    views -> patch_embed -> posenc -> imgencoder -> reassemble -> fusion     -> head           -> depth, and trust in it
              cameras -> camera_encoder -^    |                \\-> ray_fusion -> ray_head       -> rays, and trust in them
                                              \\------------------------------> camera_decoder -> a camera for every view

"Depth Anything 3: Recovering the Visual Space from Any Views", Lin et al., https://arxiv.org/abs/2511.10647
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DepthAndRaysHeadConfig, DINOv2Config, DINOv2ViewsConfig, DPTConfig, Grid
from model_defs.encoders.cameras import NUMBERS, CameraTrunk, matrices, nine_numbers
from model_defs.encoders.dinov2_views import DINOv2Views
from model_defs.encoders.transformer import MLP
from model_defs.network import Network
from model_defs.networks import depth_and_sky
from model_defs.parts.fusion import fusion
from model_defs.parts.head import PlaneHead
from model_defs.parts.patch_embed import PatchEmbedding
from model_defs.parts.positions import BicubicPositionEncoding
from model_defs.parts.reassemble import ReassembleTokensInPlane, reassemble_tokens
from model_defs.parts.sky import FEWEST, PERCENT, is_land, quantile
from model_defs.parts.view_plane import with_view_plane
from model_defs.precision import as_weights
from model_defs.scenes.geometry import closest
from model_defs.scenes.seen import Seen, seen_by_depth
from model_defs.tracing import holds, view_by_view, views_joined

CANONICAL_FOCAL = 300.0  # pixels, for which the depth of the network beside is metres
FARTHEST = 200.0  # metres, at which sky is at most
RAY = 6  # numbers: a direction, and where it begins
NECK = 5  # convolutions before rays are told where they lie in the picture


class CameraEncoder(nn.Module):
    """Cameras that are told -> a token for every view; the cameras of a scene look at each other."""

    def __init__(self, width: int, config: DepthAndRaysHeadConfig) -> None:
        super().__init__()
        self.branch = MLP(NUMBERS, config.camera_branch_width, width)
        self.token_norm = nn.LayerNorm(width, eps=1e-5)
        self.trunk = CameraTrunk(width, config.camera_depth, config.camera_mlp_width)

    def forward(self, extrinsics: Tensor, intrinsics: Tensor, image_size: Grid) -> Tensor:
        """World to camera, (B, views, 3 or 4, 4), and pixels, (B, views, 3, 3) -> (B, views, C)."""
        return self.trunk(self.token_norm(self.branch(nine_numbers(inverse(extrinsics), intrinsics, image_size))))


class CameraDecoder(nn.Module):
    """What became of the token of every view -> its camera."""

    keeps_float32 = True  # focal lengths in pixels may be larger than any number of half precision

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.position = nn.Linear(width, 3)
        self.quaternion = nn.Linear(width, 4)
        self.angles = nn.Linear(width, 2)

    def forward(self, tokens: Tensor, image_size: Grid) -> tuple[Tensor, Tensor]:
        """(B, views, C) -> world to camera, (B, views, 3, 4), and pixels, (B, views, 3, 3)."""
        found = self.layers(tokens)
        numbers = torch.cat([self.position(found), self.quaternion(found), F.relu(self.angles(found))], dim=-1)
        poses, intrinsics = matrices(numbers, image_size)
        return inverse(poses), intrinsics


class RayHead(nn.Module):
    """A ray for every pixel of the path, and how far to trust it."""

    keeps_float32 = True  # six convolutions without a norm between them, which gather what each rounds

    def __init__(self, fusion_width: int, config: DepthAndRaysHeadConfig) -> None:
        super().__init__()
        widths = [config.upsampler_width if number % 2 else fusion_width for number in range(NECK + 1)]
        self.neck = nn.Sequential(*(nn.Conv2d(*pair, kernel_size=3, padding=1) for pair in pairwise(widths)))
        self.conv = nn.Conv2d(config.upsampler_width, config.projection_width, kernel_size=3, padding=1)
        self.norm = nn.LayerNorm(config.projection_width, eps=1e-5)
        self.proj = nn.Conv2d(config.projection_width, RAY + 1, kernel_size=1)

    def forward(self, path: Tensor, image_size: Grid) -> Tensor:
        """(B, C, h, w) -> (B, h, w, 7), before any activation."""
        features = self.conv(with_view_plane(self.neck(path), image_size)).permute(0, 2, 3, 1)  # (B, h, w, C')
        return self.proj(F.relu(self.norm(features)).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class AnyView(Network):
    """Depth, rays and cameras of a scene, without a unit; the frame is that of the first view, or of one that is chosen."""

    inputs = ("views",)
    outputs = ("depth", "depth_conf", "ray", "ray_conf", "extrinsics", "intrinsics")
    framing = "resized"
    usual_trust = "40%"
    takes_cameras = True

    patch_embed: nn.Module
    posenc: nn.Module
    camera_encoder: nn.Module
    imgencoder: nn.Module
    tapnorm: nn.Module
    reassemble: nn.Module
    camera_decoder: nn.Module
    ray_fusion: nn.Module
    ray_head: nn.Module
    fusion: nn.Module
    head: nn.Module

    def forward(self, views: Tensor, extrinsics: Tensor | None = None, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        """(B, N, 3, H, W), the views of each scene, normalised -> depth and trust, (B, N, H, W), rays and trust, (B, N, h, w, 6) and
        (B, N, h, w), and cameras, (B, N, 3, 4) from the world and (B, N, 3, 3) to pixels.

        Cameras that are known may be told: (B, N, 3 or 4, 4), in the frame of the first one, and (B, N, 3, 3).
        """
        image_size = (views.shape[-2], views.shape[-1])
        taps, grid, cameras = self.encode(views, extrinsics, intrinsics)
        found = [self.decode(view, grid, image_size) for view in zip(*map(view_by_view, taps), strict=True)]
        names = ("depth", "depth_conf", "ray", "ray_conf")
        maps = {
            name: views_joined(each, (views.shape[0], views.shape[1])) for name, each in zip(names, zip(*found, strict=True), strict=True)
        }
        world_to_camera, to_pixels = self.camera_decoder(as_weights(self.camera_decoder, cameras), image_size)
        return {**maps, "extrinsics": world_to_camera, "intrinsics": to_pixels}

    def encode(self, views: Tensor, extrinsics: Tensor | None, intrinsics: Tensor | None) -> tuple[list[Tensor], Grid, Tensor]:
        """What is tapped of every view, the grid of patches it belongs to, and what became of the cameras' tokens."""
        self.check_views(views)
        self.check_cameras(views, extrinsics, intrinsics)
        tokens, grid = self.patch_embed(views.flatten(0, 1))
        tokens = self.posenc(tokens, grid).unflatten(0, views.shape[:2])  # (B, N, 1 + h * w, C)
        known = None if extrinsics is None else self.camera_encoder(extrinsics, intrinsics, (views.shape[3], views.shape[4]))
        taps, cameras = self.imgencoder(tokens, grid, known)
        return taps, grid, cameras

    def decode(self, taps: Sequence[Tensor], grid: Grid, image_size: Grid) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One view after another: maps of all of them at once would be the largest thing in memory."""
        maps = self.reassemble([self.tapnorm(tap) for tap in taps], grid)
        rays = self.ray_head(as_weights(self.ray_head, self.ray_fusion(maps)), image_size)  # (B, h, w, 7)
        depth, trust = self.head(as_weights(self.head, self.fusion(maps)), image_size).unbind(1)  # (B, H, W) each
        return depth.exp(), 1 + trust.exp(), rays[..., :RAY], 1 + rays[..., RAY].exp()

    def alone(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Every image is a scene of one view."""
        (images,) = inputs
        found = self(images[:, None])
        return {name: found[name][:, 0] for name in ("depth", "depth_conf")}

    def scene(self, views: Sequence[Tensor], **cameras: Tensor) -> list[Seen]:
        """In the frame and at the scale of the cameras, where those are told."""
        told = {name: given[None].to(views[0].dtype) for name, given in cameras.items()}
        if cameras:
            told["extrinsics"] = in_first_frame(told["extrinsics"])
        found = {name: maps[0] for name, maps in self(torch.stack(list(views))[None], **told).items()}
        depth, extrinsics, intrinsics = found["depth"], found["extrinsics"], found["intrinsics"]
        if cameras:
            depth = depth * rescaling(extrinsics, cameras["extrinsics"])
            extrinsics, intrinsics = cameras["extrinsics"], cameras["intrinsics"]
        return [seen_by_depth(*view) for view in zip(depth, found["depth_conf"], extrinsics, intrinsics, strict=True)]

    def check_cameras(self, views: Tensor, extrinsics: Tensor | None, intrinsics: Tensor | None) -> None:
        """ValueError, with one sentence, where cameras that are told are not those of the views."""
        if (extrinsics is None) != (intrinsics is None):
            raise ValueError("expected extrinsics and intrinsics together, got one without the other")
        scenes = tuple(views.shape[:2])
        for name, told, shapes in (("extrinsics", extrinsics, ((3, 4), (4, 4))), ("intrinsics", intrinsics, ((3, 3),))):
            if told is not None and tuple(told.shape) not in [(*scenes, *shape) for shape in shapes]:
                raise ValueError(f"expected {name} of shape {(*scenes, *shapes[-1])}, a matrix for every view, got {tuple(told.shape)}")

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        return (torch.stack([image, image.flip(-1)], dim=1),)


class AnyViewInMetres(AnyView):
    """The same beside a network for one picture, whose depth is metric once a focal length is known: it gives the scene's scale and its sky."""

    sees_each_alone = False

    metric: nn.Module

    def forward(self, views: Tensor, extrinsics: Tensor | None = None, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        found = super().forward(views, extrinsics, intrinsics)
        seen = self.metric(views.flatten(0, 1))
        sky = seen["sky"].unflatten(0, views.shape[:2])
        focal = (found["intrinsics"][..., 0, 0] + found["intrinsics"][..., 1, 1]) / 2  # (B, N)
        metres = seen["depth"].unflatten(0, views.shape[:2]) * (focal[..., None, None] / CANONICAL_FOCAL)
        land = is_land(sky)
        self.check_land(land)
        scale = scale_between(found["depth"], metres, found["depth_conf"], land)
        depth, trust = found["depth"] * scale, found["depth_conf"]
        horizon = quantile(depth, land, PERCENT).clamp(max=FARTHEST)
        rotation, position = found["extrinsics"].split((3, 1), dim=-1)
        return {
            **found,
            "depth": torch.where(land, depth, horizon),
            "depth_conf": torch.where(land, trust, torch.ones_like(trust)),
            "extrinsics": torch.cat([rotation, position * scale], dim=-1),
        }

    def check_land(self, land: Tensor) -> None:
        if holds(land.sum() <= FEWEST):
            raise ValueError("expected views of a scene, got nothing but sky, which has no depth to find the scale by")


def scale_between(depth: Tensor, metres: Tensor, trust: Tensor, land: Tensor) -> Tensor:
    """What depth is to be multiplied by, by least squares over the more trusted half of what is not sky and not too near."""
    compared = (trust >= quantile(trust, land, 50)) & land & (metres > 1e-2) & (depth > 1e-3)
    own, theirs = (torch.where(compared, values, torch.zeros_like(values)) for values in (depth, metres))
    return (own * theirs).sum() / (own * own).sum().clamp(min=1e-12)


def in_first_frame(extrinsics: Tensor) -> Tensor:
    """World to camera, (B, N, 3 or 4, 4) -> the same from the frame of the first camera, (B, N, 3, 4), whose unit is the median distance of all
    cameras from it, the lower of two middles, but at least a tenth of what it was."""
    rotations, positions = extrinsics[..., :3, :3], extrinsics[..., :3, 3:]
    rotations = rotations @ rotations[:, :1].transpose(-1, -2)
    positions = positions - rotations @ positions[:, :1]
    distances = positions.squeeze(-1).norm(dim=-1)  # rotating changes no length
    unit = distances.median().clamp(min=0.1)
    return torch.cat([rotations, positions / unit], dim=-1)


def rescaling(found: Tensor, told: Tensor) -> Tensor:
    """What depth is to be multiplied by, so that it has the scale of the cameras that were told and not of those that were found; both
    are (N, 3, 4). One where no two cameras are apart."""
    own, wanted = (inverse(poses.double())[..., 3] for poses in (found, told))  # where the cameras are, (N, 3)
    if not bool((wanted - wanted[:1]).any()):
        return found.new_ones(())
    scale = closest(wanted, own, torch.ones_like(own[:, 0])).scale
    return (1 / scale).to(found.dtype)


def inverse(poses: Tensor) -> Tensor:
    """The way back of a rotation beside a position: (..., 3 or 4, 4) -> (..., 3, 4)."""
    back = poses[..., :3, :3].transpose(-1, -2)
    return torch.cat([back, -back @ poses[..., :3, 3:]], dim=-1)


def network(config: DPTConfig, encoder: DINOv2Config) -> AnyView:
    assert isinstance(encoder, DINOv2ViewsConfig) and isinstance(config.head, DepthAndRaysHeadConfig)
    tapped, path = 2 * encoder.width, config.fusion.widths[0]
    kind, beside = AnyView, {}
    if config.metric is not None:
        assert isinstance(config.metric.encoder, DINOv2Config)
        kind, beside = AnyViewInMetres, {"metric": depth_and_sky.network(config.metric, config.metric.encoder)}
    return kind(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        posenc=BicubicPositionEncoding(encoder.width, encoder.grid),
        camera_encoder=CameraEncoder(encoder.width, config.head),
        imgencoder=DINOv2Views(encoder),
        tapnorm=nn.LayerNorm(tapped, eps=1e-5),
        reassemble=reassemble_tokens(config, [tapped] * len(encoder.taps), ReassembleTokensInPlane),
        camera_decoder=CameraDecoder(tapped),
        ray_fusion=fusion(config.fusion),
        ray_head=RayHead(path, config.head),
        fusion=fusion(config.fusion),
        head=PlaneHead(path, config.head.upsampler_width, config.head.projection_width, config.head.channels),
        multiple=encoder.patch_size,
        **beside,
    )
