"""Convolutions by oneDNN, with what follows from their weights folded into them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.fast.suiting import is_plain, through_onednn, untouched
from model_defs.parts.convolution import NormalizedConvolution


def convolution(layer: nn.Conv2d, feature_map: Tensor) -> Tensor | None:
    return _convolved(layer, feature_map, layer.weight, layer.bias)


def _convolved(layer: nn.Conv2d, feature_map: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Channels-last: oneDNN needs no other order inside, and what follows keeps it."""
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros" or not is_plain(weight, bias):
        return None
    feature_map = feature_map.contiguous(memory_format=torch.channels_last)
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(
        feature_map, weight, bias, layer.padding, layer.stride, layer.dilation, layer.groups, "none", [], ""
    )
    return result


def normalized_convolution(layer: NormalizedConvolution, feature_map: Tensor) -> Tensor | None:
    """What a batch norm has learned is a factor and a summand for each channel: of the weights where they are fewer, else of the map."""
    if not untouched(layer.norm, nn.BatchNorm2d) or layer.norm.training or layer.norm.running_var is None:
        return None
    feature_map = layer.before(feature_map)
    by_onednn = through_onednn(feature_map) and is_plain(layer.weight, layer.bias)
    folded = vars(layer)["forward"].kept(sources(layer))
    if folded is None and by_onednn:
        pixels = feature_map.shape[0] * feature_map.shape[2] * feature_map.shape[3] // (layer.stride[0] * layer.stride[1])
        if layer.weight.numel() < pixels * layer.out_channels:
            folded = folded_weights(layer)
    weight, bias = (layer.weight, layer.bias) if folded is None else folded
    result = _convolved(layer, feature_map, weight, bias) if by_onednn else None
    if result is None:
        result = layer._conv_forward(feature_map, weight, bias)
        return layer.norm(result) if folded is None else result
    if folded is None:
        factor, summand = _scaling(layer.norm)
        torch.addcmul(summand[:, None, None], result, factor[:, None, None], out=result)
    return result


def _scaling(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    factor = norm.weight * torch.rsqrt(norm.get_buffer("running_var") + norm.eps)
    return factor, norm.bias - norm.get_buffer("running_mean") * factor


def folded_weights(layer: NormalizedConvolution) -> tuple[Tensor, Tensor]:
    factor, bias = _scaling(layer.norm)
    if layer.bias is not None:
        bias = bias + layer.bias * factor
    return (layer.weight * factor[:, None, None, None]).to(layer.weight.dtype), bias.to(layer.weight.dtype)


def standardized_convolution(layer: StandardizedConvolution, feature_map: Tensor) -> Tensor | None:
    kept = vars(layer)["forward"].kept(sources(layer))
    weight = layer.standardized() if kept is None else kept[0]
    feature_map = layer.pad(feature_map)
    result = _convolved(layer, feature_map, weight, None) if through_onednn(feature_map) else None
    return layer.normalized(layer._conv_forward(feature_map, weight, None) if result is None else result)


def standardized_weights(layer: StandardizedConvolution) -> tuple[Tensor]:
    return (layer.standardized(),)


def sources(layer: Any) -> tuple[Tensor, ...]:
    """What constants are computed from."""
    if isinstance(layer, NormalizedConvolution):
        norm = layer.norm
        tensors = (layer.weight, layer.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
        return tuple(tensor for tensor in tensors if tensor is not None)
    weight: Tensor = layer.weight  # which is no parameter where it is pruned
    return (weight,)
