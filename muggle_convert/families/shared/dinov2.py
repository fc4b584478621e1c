"""DINOv2's vision transformer under its own names, as a table, and what no tensor of it tells."""

from __future__ import annotations

from collections.abc import Mapping

from model_defs.config import DINOv2Config
from muggle_convert.families.shared.attention import full, full_attention, told_heads
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.timm_vit import positions
from muggle_convert.rules import Row, convolution, each, given, linear, norm, tensor, unread
from muggle_convert.rules.layers import Here

MASK_TOKEN = "only DINOv2's own training masks patches"  # why no network for depth reads it
EVEN_TAPS: Mapping[int, tuple[int, ...]] = {12: (2, 5, 8, 11), 24: (4, 11, 17, 23), 40: (9, 19, 29, 39)}  # by the number of blocks

_HERE = "imgencoder.blocks.{n}"


def dinov2(outnorm: Here = "imgencoder.outnorm", block: str = "blocks.{n}") -> tuple[Row, ...]:
    """The whole encoder; its last norm is read or not, and its blocks may be numbered within chunks."""
    return (
        tensor("cls_token", "patch_embed.cls_token", 1, 1, "width"),
        *convolution("patch_embed.proj", "patch_embed.proj", "width", "image.channels", "patch_size"),
        positions("pos_embed"),
        tensor("mask_token", unread(MASK_TOKEN), 1, "width"),
        each(
            "n",
            "depth",
            norm(block + ".norm{i:1|2}", _HERE + ".norm{i:1|2}", "width"),
            full(block + ".attn"),
            tensor(block + ".ls{i:1|2}.gamma", _HERE + ".{i:scale_attn|scale_mlp}", "width"),
            given(
                "mlp",
                "gelu",
                linear(block + ".mlp.fc1", _HERE + ".mlp.fc1", "mlp_width", "width"),
                linear(block + ".mlp.fc2", _HERE + ".mlp.fc2", "width", "mlp_width"),
            ),
            given(
                "mlp",
                "swiglu",
                linear(block + ".mlp.w12", _HERE + ".mlp.gate_and_value", "2*mlp_width", "width"),
                linear(block + ".mlp.w3", _HERE + ".mlp.out", "width", "mlp_width"),
            ),
        ),
        *norm("norm", outnorm, "width"),
    )


def compose_dinov2(reading: Reading, taps: tuple[int, ...]) -> DINOv2Config:
    heads = told_heads(reading, reading.value("encoder.width"))
    return reading.compose(DINOv2Config, "encoder", heads=heads, taps=taps, attention=full_attention(reading))
