"""The original implementations, where somebody has cloned their repositories; nothing of them is in this project."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import nn

from benchmarks.importing import importable
from benchmarks.later import Later
from benchmarks.later_originals import later_original
from tests.goldens import Golden

DEPTH_ANYTHING = {"vits": (64, [48, 96, 192, 384]), "vitb": (128, [96, 192, 384, 768]), "vitl": (256, [256, 512, 1024, 1024])}
MIDAS = {  # the backbone that MiDaS calls for each of its files
    "dpt_beit_base_384": "beitb16_384",
    "dpt_swin2_tiny_256": "swin2t16_256",
    "dpt_swin_large_384": "swinl12_384",
    "dpt_levit_224": "levit_384",
    "dpt_next_vit_large_384": "next_vit_large_6m",
    "dpt_hybrid_384": "vitb_rn50_384",
}


def original(case: Golden | Later, path: Path, repositories: Path) -> nn.Module | None:
    """The authors' network with a case's weights; None where its repository is not there."""
    if isinstance(case, Later):
        return later_original(case.family, case.name, path, repositories)
    name = case.name.partition(".")[2]
    if case.family == "depth_anything_v2" and (repositories / "Depth-Anything-V2").is_dir():
        with importable(repositories / "Depth-Anything-V2"):
            module = importlib.import_module("depth_anything_v2.dpt")
        features, widths = DEPTH_ANYTHING[name[-4:]]
        return _filled(module.DepthAnythingV2(name[-4:], features, widths), path)
    if (repositories / "MiDaS").is_dir():
        next_vit = repositories / "MiDaS" / "midas" / "external" / "next_vit" / "classification"  # where MiDaS looks for a clone of it
        with importable(repositories / "MiDaS"), importable(next_vit):
            if name in MIDAS:
                module = importlib.import_module("midas.dpt_depth")
                small_head = {"head_features_1": 64, "head_features_2": 8} if name == "dpt_levit_224" else {}
                return _filled(module.DPTDepthModel(backbone=MIDAS[name], non_negative=True, **small_head), path)
            if name == "midas_v21_384":
                return _filled(importlib.import_module("midas.midas_net").MidasNet(None, non_negative=True), path)
            if name == "midas_v21_small_256":
                module = importlib.import_module("midas.midas_net_custom")
                small = {"exportable": True, "non_negative": True, "blocks": {"expand": True}}
                return _filled(module.MidasNet_small(None, features=64, backbone="efficientnet_lite3", **small), path)
    return None


def muggled_dpt(case: Golden | Later, path: Path, repositories: Path) -> nn.Module | None:
    """heyoeyo/muggled_dpt's network; None for the families it does not have and the sizes it fails on."""
    if isinstance(case, Later) or not (repositories / "muggled_dpt").is_dir():
        return None
    with importable(repositories / "muggled_dpt"):
        _, model, *_ = importlib.import_module("muggled_dpt.make_dpt").make_dpt_from_state_dict(str(path))
    return model.eval()


def _filled(model: nn.Module, path: Path) -> nn.Module:
    model.load_state_dict(torch.load(path, weights_only=True), strict=False)
    return model.eval()
