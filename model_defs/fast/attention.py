"""Attention taken apart into matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from model_defs.encoders.transformer import Attention
from model_defs.fast.products import product
from model_defs.fast.suiting import is_plain

QUERIES = 1024  # at a time, so that memory does not grow with the square of the tokens
LONG = 256  # tokens from which on attention is worth taking apart into matrix products


def attention(module: Attention, tokens: Tensor, bias: Tensor | None = None) -> Tensor | None:
    if tokens.shape[1] < LONG or not is_plain(bias):
        return None
    queries, keys, values = module.apart(tokens)
    return module.together(attend(queries, keys, values, bias))


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """The definition, head by head and some hundred queries at a time: softmax(Q K^T / sqrt(C) + bias) V."""
    batch, heads, count, width = queries.shape
    mixed = queries.new_empty(batch, count, heads, values.shape[3])  # so that the heads lie side by side for the projection after
    scaled = queries * width**-0.5
    for image in range(batch):
        for head in range(heads):
            key, value = keys[image, head].contiguous(), values[image, head].t().contiguous()
            for start in range(0, count, QUERIES):
                rows = slice(start, start + QUERIES)
                likeness = product(scaled[image, head, rows], key)
                if bias is not None:
                    likeness += bias[0, head, rows]
                torch.softmax(likeness, dim=-1, out=likeness)
                mixed[image, rows, head] = product(likeness, value)
    return mixed.transpose(1, 2)
