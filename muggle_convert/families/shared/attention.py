"""Attention as a part that is plugged into plain blocks: ordinary, by random features, or to groups of tokens."""

from __future__ import annotations

from typing import Any

from model_defs.config import (
    AttentionConfig,
    FullAttentionConfig,
    MemoryCompressedConfig,
    PerformerConfig,
)
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Contradiction, Source
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS
from muggle_convert.rules import Row, given, linear, tensor, where
from muggle_convert.rules.sizes import Fields

HERE = "imgencoder.blocks.{n}.attn"
_FIRST = "imgencoder.blocks.0.attn."


def _heads_together(encoder: Any, fields: Fields) -> int:
    attention = encoder.attention
    return encoder.heads * attention.head_width if isinstance(attention, PerformerConfig) else int(encoder.width)


def _head_width(encoder: Any, fields: Fields) -> int:
    return int(encoder.width) // int(encoder.heads)


def _is_joint(encoder: Any, fields: Fields) -> bool:
    return not isinstance(encoder.attention, PerformerConfig)


def full(original: str) -> tuple[Row, ...]:
    """The ordinary one; whatever attention is trained instead, no original has a name for."""
    return (
        *_joint(f"{original}.qkv.weight"),
        given("attention.kind", "full", tensor(f"{original}.qkv.bias", f"{HERE}.qkv.bias", "3*width")),
        *_projection(f"{original}.proj"),
        *_random_features(None, None),
        *_groups(None, None, None),
    )


def performer(original: str) -> tuple[Row, ...]:
    """As a fork of DPT has it."""
    names = f"{original}.{{m:to_q|to_k|to_v}}.weight", f"{original}.fast_attention.projection_matrix"
    return (*_random_features(*names), *_projection(f"{original}.to_out"))


def memory_compressed(original: str) -> tuple[Row, ...]:
    """As the same fork has it."""
    names = f"{original}.{{m:null_k|null_v}}", f"{original}.compress_fn.conv.weight", f"{original}.compress_fn.conv.bias"
    return (*_joint(f"{original}.to_qkv.weight"), *_groups(*names), *_projection(f"{original}.to_out"))


def _joint(original: str) -> tuple[Row, ...]:
    return (where(_is_joint, tensor(original, f"{HERE}.qkv.weight", "3*width", "width")),)


def _projection(original: str) -> tuple[Row, ...]:
    return linear(original, f"{HERE}.proj", "width", _heads_together)


def _random_features(products: str | None, directions: str | None) -> tuple[Row, ...]:
    return (
        given(
            "attention.kind",
            "performer",
            tensor(directions, f"{HERE}.directions", "attention.features", "attention.head_width"),
            tensor(products, f"{HERE}.{{m:queries|keys|values}}.weight", _heads_together, "width"),
        ),
    )


def _groups(nulls: str | None, weight: str | None, bias: str | None) -> tuple[Row, ...]:
    return (
        given(
            "attention.kind",
            "memory compressed",
            tensor(weight, f"{HERE}.compress.weight", "width", _head_width, "attention.rate"),
            tensor(bias, f"{HERE}.compress.bias", "width"),
            tensor(nulls, f"{HERE}.{{m:null_key|null_value}}", 1, 1, "width"),
        ),
    )


def told_attention(reading: Reading, width: int) -> tuple[int, AttentionConfig]:
    """Heads, and which attention it is."""
    kind = reading.value("encoder.attention.kind")
    if kind == "performer":
        attention = reading.compose(PerformerConfig, "encoder.attention")
        inner = reading.shape(_FIRST + "queries.weight")[0]
        if not attention.head_width or inner % attention.head_width:
            raise Contradiction(f"{reading.file} has {inner} features in its queries, which heads of {attention.head_width} cannot share.")
        return reading.measure("encoder.heads", _FIRST + "queries.weight", lambda shape: shape[0] // attention.head_width), attention
    if kind == "memory compressed":
        heads = reading.measure("encoder.heads", _FIRST + "compress.weight", lambda shape: shape[0] // shape[1])
        return heads, reading.compose(MemoryCompressedConfig, "encoder.attention")
    return told_heads(reading, width), full_attention(reading)


def full_attention(reading: Reading) -> FullAttentionConfig:
    """What every original has but the fork's."""
    reading.note("encoder.attention.kind", "full", Source.SHAPE, "the names of its tensors")
    return FullAttentionConfig()


def told_heads(reading: Reading, width: int) -> int:
    if (told := reading.clue("heads")) is not None:
        heads: int = HEADS.parse(told.value)
        return reading.heard(told, "encoder.heads", heads)
    if width % 64:
        raise Refusal(
            f"{reading.file} has {width} features; {reading.family} has 64 for each attention head, which does not divide them: "
            "pass --set heads=NUMBER."
        )
    return reading.convention("encoder.heads", width // 64, "64 features for each head")
