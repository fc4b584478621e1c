"""Linear layers, convolutions and attention: the plain definitions, and the fastest path to the same numbers on a CPU.

torch gives a CPU's float32 matrix products to MKL, which on AMD processors reaches half of what oneDNN does: 95 against 200 GFLOP/s on
one core for 1370 tokens of width 384 (`python benchmarks/run.py forward` shows what it makes of whole networks). oneDNN knows no gradients, so
its path is for inference alone; with gradients, on other devices, in other precisions and when a graph is captured, the plain one is taken.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 1024  # queries at a time, so that memory does not grow with the square of the tokens
LONG = 256  # tokens from which on attention is worth taking apart into matrix products

# torch's own compiler calls these; they are not promised to users, so that a torch without them takes the plain path.
HAS_OPERATORS = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise"))


class Linear(nn.Linear):
    """Every token times one matrix, plus a bias."""

    def forward(self, tokens: Tensor) -> Tensor:
        return linear(tokens, self.weight, self.bias)


class LinearGELU(nn.Linear):
    """The same with a GELU after it, which oneDNN applies while the product is still in the cache."""

    def forward(self, tokens: Tensor) -> Tensor:
        if goes_through_onednn(tokens):
            return _onednn_linear(tokens, self.weight, self.bias, "gelu")
        return F.gelu(F.linear(tokens, self.weight, self.bias))


class Convolution(nn.Conv2d):
    """Every pixel's neighbourhood times one matrix."""

    def forward(self, feature_map: Tensor) -> Tensor:
        return convolution(side_by_side(feature_map), self.weight, self.bias, self.stride, self.padding, self.groups)


def linear(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What `Linear` does, for who has the matrix from somewhere else."""
    if goes_through_onednn(tokens):
        return _onednn_linear(tokens, weight, bias)
    return F.linear(tokens, weight, bias)


def convolution(
    feature_map: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...] = (1, 1),
    padding: str | tuple[int, ...] = (0, 0),
    groups: int = 1,
) -> Tensor:
    """What `Convolution` does, for who makes the weight on the way."""
    if goes_through_onednn(feature_map) and not isinstance(padding, str):
        return _onednn_convolution(feature_map, weight, bias, stride, padding, groups)
    return F.conv2d(feature_map, weight, bias, stride, padding, groups=groups)


def side_by_side(feature_map: Tensor) -> Tensor:
    """The same map with a pixel's channels side by side in memory: oneDNN needs no other order inside, and what follows keeps it."""
    return feature_map.contiguous(memory_format=torch.channels_last) if goes_through_onednn(feature_map) else feature_map


def attention(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each query's mixture of the values, weighted by its likeness to their keys: (B, heads, N, C) -> (B, heads, N, C).

    `bias` is added to the likenesses before the softmax; it is (1, heads, N, N).
    """
    if goes_through_onednn(queries) and queries.shape[2] >= LONG:
        return _onednn_attention(queries, keys, values, bias)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)


def accelerate(network: nn.Module) -> None:
    """Give torch's own layers of a network the fast path; their parameters and what they compute stay as they are."""
    for part in network.modules():
        part.__class__ = _ACCELERATED.get(type(part), type(part))


_ACCELERATED: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: Linear, nn.Conv2d: Convolution}


def goes_through_onednn(tokens: Tensor) -> bool:
    is_plain = tokens.device.type == "cpu" and tokens.dtype is torch.float32 and tokens.numel() > 0 and not torch.is_autocast_enabled("cpu")
    is_inference = not torch.is_grad_enabled() and not torch.compiler.is_compiling()
    return HAS_OPERATORS and is_plain and is_inference and torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)


def _onednn_linear(tokens: Tensor, weight: Tensor, bias: Tensor | None, activation: str = "none") -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(tokens.contiguous(), weight, bias, activation, [], "none")
    return result


def _onednn_convolution(
    feature_map: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: tuple[int, ...], groups: int
) -> Tensor:
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(feature_map, weight, bias, padding, stride, (1, 1), groups, "none", [], "")
    return result


def _onednn_attention(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """The definition, head by head and some hundred queries at a time: softmax(Q K^T / sqrt(C) + bias) V."""
    batch, heads, count, width = queries.shape
    mixed = queries.new_empty(batch, count, heads, values.shape[3])  # so that the heads lie side by side for the projection after
    scaled = queries * width**-0.5
    for image in range(batch):
        for head in range(heads):
            key, value = keys[image, head].contiguous(), values[image, head].t().contiguous()
            for start in range(0, count, ROWS):
                rows = slice(start, start + ROWS)
                likeness = _onednn_linear(scaled[image, head, rows], key, None)
                if bias is not None:
                    likeness += bias[0, head, rows]
                torch.softmax(likeness, dim=-1, out=likeness)
                mixed[image, rows, head] = _onednn_linear(likeness, value, None)
    return mixed.transpose(1, 2)
