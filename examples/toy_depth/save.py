"""Writes the trained network the way Depth-Anything V2 is published: its names, its shapes, a plain `torch.save`.

    python -m examples.toy_depth.save --run DIR --out fixtures/toy_depth_anything_v2_vit.pth

Nothing here knows a name by heart: the converter's own rules are applied backwards. Tensors the original has and no prediction ever
reads are written as zeros, so that the original code loads the file with strict=True.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from model_defs.dpt import DPT
from muggle_convert.families.depth_anything import ORIGINAL
from muggle_convert.rules import Rule

from .network import CONFIG, fresh_network


def original_tensors(model: DPT) -> dict[str, Tensor]:
    canonical = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    originals: dict[str, Tensor] = {}
    for name in canonical:
        place = ORIGINAL.of_canonical(name)
        assert place is not None and isinstance(place.rule, Rule), f"no rule makes {name}"
        parts = [canonical[part] for part in place.siblings(place.rule.canonical) if part is not None]
        assemblies = place.rule.operation.backward([tuple(part.shape) for part in parts])
        for original, assembly in zip(ORIGINAL.originals_of(name), assemblies, strict=True):
            runs = [
                torch.zeros(run.count) if run.source is None else parts[run.source].flatten()[run.start : run.start + run.count]
                for run in assembly.runs
            ]
            originals[original] = torch.cat(runs).view(assembly.shape)
    return originals


def never_read() -> dict[str, Tensor]:
    width = CONFIG.fusion.widths[-1]
    unit = "depth_head.scratch.refinenet4.resConfUnit1"
    tensors = {"pretrained.mask_token": torch.zeros(1, CONFIG.encoder.width)}
    for layer in ("conv1", "conv2"):
        tensors[f"{unit}.{layer}.weight"] = torch.zeros(width, width, 3, 3)
        tensors[f"{unit}.{layer}.bias"] = torch.zeros(width)
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
