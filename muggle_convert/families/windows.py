"""What Swin and Swin V2 share: the names of their files, their stages of blocks on windows, and the decoder under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from model_defs.config import DPTConfig, ImageConfig
from muggle_convert.errors import Contradiction
from muggle_convert.families.ends import DEPTH_HEAD_RULES, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Reading
from muggle_convert.families.parts import (
    CLASSIFIER,
    Inventory,
    convolution,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_owned,
    fusion_rules,
    linear,
    map_reassembly_of,
    norm,
    read_depth_head,
    read_fusion,
    read_map_reassembly,
)
from muggle_convert.families.window_buffers import BLOCK, INDEX, MASK, STAGES, Windowed, derive_index, derive_mask, masked
from muggle_convert.families.window_grid import pixels_of
from muggle_convert.rules import Drop, Rule, RuleSet, derivable, rename, unused

CONVERTED_BLOCK = "imgencoder.stages.{s}.blocks.{n}"


def layouts(attention: Sequence[Rule], buffers: Sequence[Drop] = (), saved: Callable[[Windowed], Inventory] = masked) -> dict[str, RuleSet]:
    """What is between two stages counts with the one before, or with the one after as in timm since 0.9, which saves no buffers."""
    return {
        "original": _layout("imgencoder.stages.{s+1}.downsample.", attention, buffers, "head", saved),
        "timm 0.9": _layout("imgencoder.stages.{s}.downsample.", attention, buffers, "head.fc", lambda encoder: {}),
    }


def _layout(
    downsample: str, attention: Sequence[Rule], buffers: Sequence[Drop], classifier: str, saved: Callable[[Windowed], Inventory]
) -> RuleSet:
    def owned(config: DPTConfig, encoder: Windowed) -> Inventory:
        """What a model of that timm owns beside what its network reads."""
        last = encoder.width << (STAGES - 1)
        unread = norm("pretrained.model.norm", last) | linear(f"pretrained.model.{classifier}", 1000, last)
        return {**saved(encoder), **unread, **fusion_owned(config)}

    return RuleSet(
        rules=(
            rename("pretrained.model.patch_embed.{m:proj|norm}.{p:parameter}", "patch_embed.{m:proj|norm}.{p:parameter}"),
            rename(BLOCK + ".norm{i+1}.{p:parameter}", CONVERTED_BLOCK + ".norm{i+1}.{p:parameter}"),
            rename(BLOCK + ".mlp.fc{i+1}.{p:parameter}", CONVERTED_BLOCK + ".mlp.fc{i+1}.{p:parameter}"),
            rename(BLOCK + ".attn.proj.{p:parameter}", CONVERTED_BLOCK + ".attn.proj.{p:parameter}"),
            *attention,
            rename("pretrained.model.layers.{s}.downsample.norm.{p:parameter}", downsample + "norm.{p:parameter}"),
            rename("pretrained.model.layers.{s}.downsample.reduction.weight", downsample + "reduction.weight"),
            *fusion_rules(),
            *DEPTH_HEAD_RULES,
        ),
        drops=(
            unused("pretrained.model.norm.{p:parameter}", "only a classifier has a norm after the last stage"),
            unused("pretrained.model.head.{p:parameter}", CLASSIFIER),
            unused("pretrained.model.head.fc.{p:parameter}", CLASSIFIER),
            derivable(MASK, "follows from the grid and the windows", derive_mask),
            derivable(INDEX, "follows from the windows", derive_index),
            *buffers,
            *fusion_drops(),
        ),
        owned=owned,
    )


def read_stages(reading: Reading, findings: Findings) -> dict[str, Any]:
    """What the shapes tell of the stages of either."""
    stages = reading.count("imgencoder.stages.{n}.blocks.0.norm1.weight")
    if stages != STAGES:
        raise Contradiction(
            f"{reading.file} looks like {reading.family} but has {stages} stages, where the decoder takes the maps of four."
        )
    depths = tuple(reading.count(f"imgencoder.stages.{stage}.blocks.{{n}}.norm1.weight") for stage in range(STAGES))
    mlps = [f"imgencoder.stages.{stage}.blocks.0.mlp.fc1.weight" for stage in range(STAGES)]
    return {
        "width": reading.measure(findings, "encoder.width", "patch_embed.proj.weight", lambda shape: shape[0]),
        "depths": findings.note("encoder.depths", depths, Source.SHAPE, "the numbers of the blocks of its four stages"),
        "mlp_widths": reading.measure_all(findings, "encoder.mlp_widths", mlps, lambda shape: shape[0]),
        "patch_size": reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: max(1, shape[3])),
    }


def read_network(reading: Reading, findings: Findings, encoder: Windowed) -> DPTConfig:
    """The decoder and both ends; how the size of the pictures is known, `read_grid` has noted."""
    head = read_depth_head(reading, findings, "double")
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    size, across = pixels_of(encoder, encoder.grid)
    image = ImageConfig(channels, size, False, "closest", 32, (0.5,) * channels, (0.5,) * channels, across)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_map_reassembly(findings),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=findings.rest(
            "image", image, Source.CONVENTION, "how MiDaS was trained: all pictures in one shape, mean and standard deviation one half"
        ),
        output=read_output(reading, findings, head),
    )


def network_inventory(config: DPTConfig, encoder: Windowed, attention: Inventory) -> Inventory:
    """Everything, given what only one of the two has in its blocks."""
    tensors = convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size) | norm(
        "patch_embed.norm", encoder.width
    )
    for stage, (depth, mlp_width) in enumerate(zip(encoder.depths, encoder.mlp_widths, strict=True)):
        width = encoder.width << stage
        for number in range(depth):
            block = f"imgencoder.stages.{stage}.blocks.{number}"
            tensors |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            tensors |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
            tensors |= linear(f"{block}.mlp.fc1", mlp_width, width) | linear(f"{block}.mlp.fc2", width, mlp_width)
        if stage:
            tensors[f"imgencoder.stages.{stage}.downsample.reduction.weight"] = (width, 2 * width)
    return {
        **tensors,
        **attention,
        **map_reassembly_of(config, [encoder.width << stage for stage in range(STAGES)]),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }
