"""Checkpoints to measure with: the released sizes, drawn from their manifests, and plain files of any size."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.later import CASES, Later
from tests.goldens import RELEASED, Golden


def chosen(arguments: argparse.Namespace, default: tuple[str, ...] = ()) -> list[Golden | Later]:
    """The cases whose name contains one of the words."""
    words = arguments.words or default
    cases = [*(Golden(manifest.parent) for manifest in sorted(RELEASED.glob("*/manifest.json.gz"))), *CASES]
    return [case for case in cases if not words or any(word in case.name for word in words)]


def drawn(case: Golden | Later, folder: Path) -> Path:
    """A case's checkpoint, drawn once."""
    path = folder / "benchmark-checkpoints" / case.manifest["file"]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(case, Golden) and case.family == "dpt_next_vit":
            torch.save(_calm(case.state_dict()), path)
        else:
            case.save(path.parent)
    return path


def named(name: str) -> Golden | Later:
    return next((case for case in CASES if case.name == name), None) or Golden(RELEASED / name)


def _calm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Next-ViT with smaller residual branches: where they are drawn too, maps grow to 4e8 from block to block, as in no trained network.

    This project then computes the encoder again in double precision, in twice the time of the original, which goes on, and is wrong.
    """
    ends = ("mlp.conv2.weight", "mlp.conv2.bias", "mhca.projection.weight", "e_mhsa.proj.weight")
    return {name: tensor * 0.5 if name.endswith(ends) else tensor for name, tensor in state.items()}


def of_size(gigabytes: float, folder: Path) -> tuple[Path, int]:
    """A Depth-Anything V2 checkpoint of about this many bytes, and how many blocks of the large one's width that takes."""
    blocks = max(4, round(gigabytes * 1e9 / (12.6e6 * 4)))
    path = folder / "benchmark-checkpoints" / f"depth_anything_v2_{blocks}_blocks.pth"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        large = next(Golden(manifest.parent) for manifest in RELEASED.glob("depth_anything_v2.vitl/manifest.json.gz")).state_dict()
        state = {name: tensor for name, tensor in large.items() if ".blocks." not in name}
        for block in range(blocks):
            parts = {name: tensor for name, tensor in large.items() if f".blocks.{block % 24}." in name}
            state |= {name.replace(f".blocks.{block % 24}.", f".blocks.{block}."): tensor.clone() for name, tensor in parts.items()}
        torch.save(state, path)
    return path, blocks
