"""What Next-ViT needs beside its encoder: double precision where single precision cannot tell what attention attends to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from model_defs.config import Grid
from model_defs.dpt import HierarchicalDPT

RESOLVED = 2.0**20  # products of larger queries and keys differ by more than the whole numbers single precision can count


class NextViTDPT(HierarchicalDPT):
    """No norm bounds what goes into Next-ViT's attention, and maps may grow from block to block."""

    keeps_float32 = True  # float16 ends at 65504, which the maps pass, and bfloat16 cannot tell apart what attention compares

    def encode(self, image: Tensor) -> tuple[Sequence[Tensor], Grid]:
        maps, grid = super().encode(image)
        if image.dtype is torch.float32 and not torch.compiler.is_compiling() and (maps[-1].abs() > RESOLVED).any():
            wide = _in_double_precision(self.imgencoder, _in_double_precision(self.patch_embed, image.double()))
            maps = [feature_map.to(image.dtype) for feature_map in wide]
        return maps, grid


def _in_double_precision(module: nn.Module, value: Tensor) -> Tensor:
    state = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in module.state_dict(keep_vars=True).items()}
    result: Tensor = functional_call(module, state, (value,))
    return result
