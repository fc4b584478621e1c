"""Matrix products by oneDNN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.encoders.levit import NormalizedLinear
from model_defs.encoders.transformer import MLP
from model_defs.fast.suiting import has_onednn, is_plain, untouched


def linear(layer: nn.Linear, tokens: Tensor) -> Tensor | None:
    if not is_plain(layer.weight, layer.bias):
        return None
    return product(tokens, layer.weight, layer.bias)


def normalized_linear(layer: NormalizedLinear, tokens: Tensor) -> Tensor | None:
    product = linear(layer, tokens)
    return None if product is None else layer.normalized(product)


def mlp(mlp: MLP, tokens: Tensor) -> Tensor | None:
    """oneDNN applies the GELU while the product is still in the cache."""
    if not untouched(mlp.fc1, nn.Linear) or not is_plain(mlp.fc1.weight, mlp.fc1.bias):
        return None
    hidden: Tensor = torch.ops.mkldnn._linear_pointwise(tokens.contiguous(), mlp.fc1.weight, mlp.fc1.bias, "gelu", [], "none")
    return mlp.fc2(hidden)


def product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if not has_onednn():
        return F.linear(rows, weight, bias)
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows.contiguous(), weight, bias, "none", [], "none")
    return result
