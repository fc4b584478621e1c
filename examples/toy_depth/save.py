"""Writes the trained network the way DPT-Hybrid is published: its names, its shapes, a plain `torch.save`.

    python -m examples.toy_depth.save --run DIR --out fixtures/toy_dpt_hybrid.pt

Nothing here knows a name by heart: the converter's own rules are applied backwards. Tensors the original has and no prediction ever
reads are written as zeros, so that the original code loads the file with strict=True.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from model_defs.dpt import DPT
from muggle_convert.families.dpt_hybrid import LAYOUTS
from muggle_convert.rules import Rule

from .network import CONFIG, fresh_network


def original_tensors(model: DPT) -> dict[str, Tensor]:
    original = LAYOUTS["original"]
    canonical = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    originals: dict[str, Tensor] = {}
    for name in canonical:
        place = original.of_canonical(name)
        assert place is not None and isinstance(place.rule, Rule), f"no rule makes {name}"
        parts = [canonical[part] for part in place.siblings(place.rule.canonical) if part is not None]
        assemblies = place.rule.operation.backward([tuple(part.shape) for part in parts])
        for called, assembly in zip(original.originals_of(name), assemblies, strict=True):
            runs = [
                torch.zeros(run.count) if run.source is None else parts[run.source].flatten()[run.start : run.start + run.count]
                for run in assembly.runs
            ]
            originals[called] = torch.cat(runs).view(assembly.shape)
    return originals


def never_read() -> dict[str, Tensor]:
    """A unit with no path to join, the norm after the last block, and the classifier of ImageNet's thousand classes."""
    width, fused = CONFIG.encoder.width, CONFIG.fusion.widths[-1]
    tensors = {
        "pretrained.model.norm.weight": torch.zeros(width),
        "pretrained.model.norm.bias": torch.zeros(width),
        "pretrained.model.head.weight": torch.zeros(1000, width),
        "pretrained.model.head.bias": torch.zeros(1000),
    }
    for layer in ("conv1", "conv2"):
        tensors[f"scratch.refinenet4.resConfUnit1.{layer}.weight"] = torch.zeros(fused, fused, 3, 3)
        tensors[f"scratch.refinenet4.resConfUnit1.{layer}.bias"] = torch.zeros(fused)
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="what examples.toy_depth.train wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    model = fresh_network(0)
    model.load_state_dict(torch.load(arguments.run / "checkpoint.pt", map_location="cpu", weights_only=True)["average"])
    tensors = {name: tensor.half().clone() for name, tensor in {**original_tensors(model), **never_read()}.items()}
    torch.save(tensors, arguments.out)
    print(f"{arguments.out}: {len(tensors)} tensors, {arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
