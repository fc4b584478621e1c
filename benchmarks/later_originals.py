"""The originals of the families that came later, in clones of their repositories; each takes what this project's network takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.importing import importable, within

CROCO = ("mast3r", "dust3r", "croco")  # which find each other by path
MAST3R = (
    "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='PatchEmbedDust3R', img_size=(512, 512), head_type='catmlp+dpt', "
    "output_mode='pts3d+desc24', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), enc_embed_dim=1024, enc_depth=24, "
    "enc_num_heads=16, dec_embed_dim=768, dec_depth=12, dec_num_heads=12, two_confs=True, desc_conf_mode=('exp', 0, inf), landscape_only=False)"
)


class Adapted(nn.Module):
    """An original, called as it wants to be."""

    def __init__(self, model: nn.Module, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.call(self.model, *inputs)


def later_original(family: str, name: str, path: Path, repositories: Path) -> nn.Module | None:
    """None where its repository is not there, or for the families whose peer is transformers."""
    make = {
        "video_depth_anything": video_depth_anything,
        "depth_anything_3": depth_anything_3,
        "depth_anything_v1_metric": depth_anything_v1_metric,
        "mast3r": mast3r,
        "vggt": vggt,
        "dinov2_depth": dinov2_depth,
    }.get(family)
    return None if make is None else make(name, path, repositories)


def video_depth_anything(name: str, path: Path, repositories: Path) -> nn.Module | None:
    root = repositories / "Video-Depth-Anything"
    if not root.is_dir():
        return None
    with importable(root):
        module = importlib.import_module("video_depth_anything.video_depth")
    model = module.VideoDepthAnything("vits", 64, [48, 96, 192, 384])
    return Adapted(_filled(model, torch.load(path, weights_only=True)), lambda model, frames: model(frames))


def depth_anything_3(name: str, path: Path, repositories: Path) -> nn.Module | None:
    root = repositories / "Depth-Anything-3" / "src"
    if not root.is_dir():
        return None
    with importable(root):
        config = importlib.import_module("depth_anything_3.cfg")
        file = "da3-base" if name.endswith("base") else "da3mono-large"
        model = config.create_object(config.load_config(str(root / "depth_anything_3" / "configs" / f"{file}.yaml")))
    model = _filled(model, torch.load(path, weights_only=True))
    # One picture is a scene of one view there; its own code runs this under autocast, which a CPU has no use for.
    return Adapted(model, lambda model, views: model(views if views.ndim == 5 else views[:, None])["depth"])


def depth_anything_v1_metric(name: str, path: Path, repositories: Path) -> nn.Module | None:
    root = repositories.resolve() / "Depth-Anything" / "metric_depth"
    if not root.is_dir():
        return None
    state = torch.load(path, weights_only=True)["model"]
    # It begins with the relative model, from a file of its own.
    with importable(root), within(root), patch("torch.load"), patch.object(nn.Module, "load_state_dict"):
        build, config = (importlib.import_module(f"zoedepth.{module}") for module in ("models.builder", "utils.config"))
        told = config.get_config("zoedepth", "eval", "nyu", pretrained_resource="")
        model = build.build_model(told)
    model = _filled(model, state)
    model.core.prep = nn.Identity()  # pictures are normalised already
    return Adapted(model, lambda model, picture: model(picture)["metric_depth"])


def dinov2_depth(name: str, path: Path, repositories: Path) -> nn.Module | None:
    root = repositories / "dinov2"
    if not root.is_dir():
        return None
    with importable(root):
        model = importlib.import_module("dinov2.hub.depthers").dinov2_vits14_dd(pretrained=False)
    model = _filled(model, torch.load(path, weights_only=True)["state_dict"])
    return Adapted(model, lambda model, picture: model.encode_decode(picture, None, size=picture.shape[2:])[:, 0])


def mast3r(name: str, path: Path, repositories: Path) -> nn.Module | None:
    roots = [repositories / root for root in CROCO]
    if not all(root.is_dir() for root in roots):
        return None
    with ExitStack() as paths:
        for root in roots:
            paths.enter_context(importable(root))
        module = importlib.import_module("mast3r.model")
        model = eval(MAST3R, {"AsymmetricMASt3R": module.AsymmetricMASt3R, "inf": float("inf")})
    return Adapted(_filled(model, torch.load(path, weights_only=True)), _pair)


def _pair(model: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    shape = torch.tensor([first.shape[2:]])
    views = [{"img": view, "true_shape": shape, "instance": [str(number)], "idx": number} for number, view in enumerate((first, second))]
    points: Tensor = model(*views)[0]["pts3d"]
    return points


def vggt(name: str, path: Path, repositories: Path) -> nn.Module | None:
    root = repositories / "vggt"
    if not root.is_dir():
        return None
    with importable(root):
        module = importlib.import_module("vggt.models.vggt")
    model = module.VGGT(enable_track=False)
    model.load_state_dict(torch.load(path, weights_only=True, mmap=True), strict=False, assign=True)
    aggregator: Any = model.aggregator
    mean, deviation = aggregator._resnet_mean, aggregator._resnet_std  # it normalises inside
    return Adapted(model.eval(), lambda model, views: model(views * deviation + mean)["depth"].squeeze(-1))


def _filled(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    short = {name.removeprefix("model."): tensor for name, tensor in state.items()}
    missing = set(dict(model.named_parameters())) - set(short)
    if len(missing) > len(short) // 5:
        raise ValueError(f"{len(missing)} tensors have no weights, such as {sorted(missing)[:3]}")
    model.load_state_dict(short, strict=False)
    return model.eval()
