"""Attention as a part that is plugged in: the tensors of each, and what a fork of DPT calls those of the hybrid's."""

from __future__ import annotations

from model_defs.config import (
    AttentionConfig,
    DINOv2Config,
    FullAttentionConfig,
    HybridConfig,
    MemoryCompressedConfig,
    PerformerConfig,
    ViTConfig,
)
from muggle_convert.errors import Contradiction
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Reading
from muggle_convert.families.parts import Inventory, linear
from muggle_convert.families.tokens import block_inventory, read_heads
from muggle_convert.rules import Rule, rename

_BLOCK, _BLOCK_HERE = "pretrained.model.blocks.{n}.attn.", "imgencoder.blocks.{n}.attn."

PERFORMER_RULES: tuple[Rule, ...] = (
    rename(_BLOCK + "{m:to_q|to_k|to_v}.weight", _BLOCK_HERE + "{m:queries|keys|values}.weight"),
    rename(_BLOCK + "to_out.{p:parameter}", _BLOCK_HERE + "proj.{p:parameter}"),
    rename(_BLOCK + "fast_attention.projection_matrix", _BLOCK_HERE + "directions"),
)
MEMORY_COMPRESSED_RULES: tuple[Rule, ...] = (
    rename(_BLOCK + "to_qkv.weight", _BLOCK_HERE + "qkv.weight"),
    rename(_BLOCK + "to_out.{p:parameter}", _BLOCK_HERE + "proj.{p:parameter}"),
    rename(_BLOCK + "compress_fn.conv.{p:parameter}", _BLOCK_HERE + "compress.{p:parameter}"),
    rename(_BLOCK + "{m:null_k|null_v}", _BLOCK_HERE + "{m:null_key|null_value}"),
)
REASSEMBLY_RULES: tuple[Rule, ...] = (
    rename("pretrained.readout_oper{s+1}.0.project.0.{p:parameter}", "reassemble.{s:scale}.readout_proj.{p:parameter}"),
    rename("pretrained.act_postprocess{s+1}.{i}.{p:parameter}", "reassemble.{s:scale}.resample.{i}.{p:parameter}"),
)

_FIRST = "imgencoder.blocks.0.attn."


def is_of_fork(reading: Reading) -> bool:
    """Whether the convolutions of reassembly are counted from zero, as only the fork does."""
    return "pretrained.act_postprocess3.0.weight" in reading.origins.get("reassemble.spatial_noscale.resample.0.weight", ())


def read_attention(reading: Reading, findings: Findings, width: int) -> tuple[int, AttentionConfig]:
    """Heads, and which attention it is."""
    if reading.has(_FIRST + "directions"):
        return _read_performer(reading, findings)
    if reading.has(_FIRST + "compress.weight"):
        return _read_memory_compressed(reading, findings)
    return read_heads(reading, findings, width), full_attention(findings)


def full_attention(findings: Findings) -> FullAttentionConfig:
    """What every original has but the fork's."""
    findings.note("encoder.attention.kind", "full", Source.SHAPE, "the names of its tensors")
    return FullAttentionConfig()


def _read_performer(reading: Reading, findings: Findings) -> tuple[int, AttentionConfig]:
    directions = _FIRST + "directions"
    findings.note("encoder.attention.kind", "performer", Source.SHAPE, reading.describe(directions))
    head_width = reading.measure(findings, "encoder.attention.head_width", directions, lambda shape: shape[1])
    features = reading.measure(findings, "encoder.attention.features", directions, lambda shape: shape[0])
    inner = reading.shape(_FIRST + "queries.weight")[0]
    if not head_width or inner % head_width:
        raise Contradiction(f"{reading.file} has {inner} features in its queries, which heads of {head_width} cannot share.")
    heads = reading.measure(findings, "encoder.heads", _FIRST + "queries.weight", lambda shape: shape[0] // head_width)
    return heads, PerformerConfig(head_width, features)


def _read_memory_compressed(reading: Reading, findings: Findings) -> tuple[int, AttentionConfig]:
    compress = _FIRST + "compress.weight"
    findings.note("encoder.attention.kind", "memory compressed", Source.SHAPE, reading.describe(compress))
    heads = reading.measure(findings, "encoder.heads", compress, lambda shape: shape[0] // shape[1])
    rate = reading.measure(findings, "encoder.attention.rate", compress, lambda shape: shape[2])
    return heads, MemoryCompressedConfig(rate)


def blocks_inventory(encoder: ViTConfig | HybridConfig) -> Inventory:
    """The tensors of a stack of plain blocks around that attention."""
    tensors: Inventory = {}
    for number in range(encoder.depth):
        block = f"imgencoder.blocks.{number}"
        tensors |= block_inventory(block, encoder.width, encoder.mlp_width, attention_inventory(f"{block}.attn", encoder))
    return tensors


def attention_inventory(name: str, encoder: ViTConfig | HybridConfig | DINOv2Config) -> Inventory:
    """The tensors of one block's attention."""
    width, attention = encoder.width, encoder.attention
    if isinstance(attention, PerformerConfig):
        inner = encoder.heads * attention.head_width
        return {
            **{f"{name}.{part}.weight": (inner, width) for part in ("queries", "keys", "values")},
            **linear(f"{name}.proj", width, inner),
            f"{name}.directions": (attention.features, attention.head_width),
        }
    if isinstance(attention, MemoryCompressedConfig):
        return {
            f"{name}.null_key": (1, 1, width),
            f"{name}.null_value": (1, 1, width),
            f"{name}.qkv.weight": (3 * width, width),
            f"{name}.compress.weight": (width, width // encoder.heads, attention.rate),
            f"{name}.compress.bias": (width,),
            **linear(f"{name}.proj", width, width),
        }
    return {**linear(f"{name}.qkv", 3 * width, width), **linear(f"{name}.proj", width, width)}
