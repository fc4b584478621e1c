"""DPT with Next-ViT, whose blocks are numbered through all stages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

from model_defs.config import DPTConfig, ImageConfig, NextViTConfig
from muggle_convert.errors import Contradiction
from muggle_convert.families import papers
from muggle_convert.families.ends import DEPTH_HEAD_RULES, OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released
from muggle_convert.families.parts import (
    CLASSIFIER,
    Inventory,
    batch_norm,
    convolution,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    linear,
    map_reassembly_of,
    normalized_convolution,
    read_depth_head,
    read_fusion,
    read_map_reassembly,
)
from muggle_convert.rules import RuleSet, rename, stack, unused

FEATURE, BLOCK = "pretrained.model.features.{n}", "imgencoder.blocks.{n}"

ORIGINAL = RuleSet(
    rules=(
        rename("pretrained.model.stem.{n}.conv.weight", "patch_embed.{2*n}.weight"),
        rename("pretrained.model.stem.{n}.norm.{p:batch_norm}", "patch_embed.{2*n}.norm.{p:batch_norm}"),
        rename(FEATURE + ".{e:patch_embed|projection}.conv.weight", BLOCK + ".{e:embed|reembed}.weight"),
        rename(FEATURE + ".{e:patch_embed|projection}.norm.{p:batch_norm}", BLOCK + ".{e:embed|reembed}.norm.{p:batch_norm}"),
        rename(FEATURE + ".mhca.group_conv3x3.weight", BLOCK + ".mhca.group_conv.weight"),
        rename(FEATURE + ".mhca.norm.{p:batch_norm}", BLOCK + ".mhca.group_conv.norm.{p:batch_norm}"),
        rename(FEATURE + ".mhca.projection.weight", BLOCK + ".mhca.proj.weight"),
        rename(FEATURE + ".{m:norm|norm1|norm2}.{p:batch_norm}", BLOCK + ".{m:norm|norm_attn|norm_mlp}.{p:batch_norm}"),
        rename(FEATURE + ".e_mhsa.{l:q|proj}.{p:parameter}", BLOCK + ".attn.{l:q|proj}.{p:parameter}"),
        stack((FEATURE + ".e_mhsa.k.{p:parameter}", FEATURE + ".e_mhsa.v.{p:parameter}"), BLOCK + ".attn.kv.{p:parameter}", parts=(0, 1)),
        rename(FEATURE + ".e_mhsa.norm.{p:batch_norm}", BLOCK + ".attn.reduce.1.{p:batch_norm}"),
        rename(FEATURE + ".mlp.{l:conv1|conv2}.{p:parameter}", BLOCK + ".mlp.{l:conv1|conv2}.{p:parameter}"),
        *fusion_rules(),
        *DEPTH_HEAD_RULES,
    ),
    drops=(
        unused("pretrained.model.norm.{p:batch_norm}", "only a classifier has a norm after the last block"),
        unused("pretrained.model.proj_head.0.{p:parameter}", CLASSIFIER),
        *fusion_drops(),
    ),
)

REDUCTIONS = (8, 4, 2, 1)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    head = read_depth_head(reading, findings, "double")
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading, findings),
        reassemble=read_map_reassembly(findings),
        fusion=read_fusion(reading, findings, "to next"),
        head=head,
        image=_image(reading, findings),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> NextViTConfig:
    count = reading.count("imgencoder.blocks.{n}.mlp.conv1.weight")
    transformers = tuple(number for number in range(count) if reading.has(f"imgencoder.blocks.{number}.attn.q.weight"))
    stages = _stages(reading, count, transformers)
    ends = ", ".join(str(stage[-1]) for stage in stages)
    why = f"stages end with blocks {ends}, by which blocks begin with an embedding and which reduce what attention sees"
    findings.note("encoder.depths", tuple(map(len, stages)), Source.SHAPE, why)
    findings.note("encoder.transformers", transformers, Source.SHAPE, "these blocks have attention, the others have none")
    plain = [next((number for number in stage if number not in transformers), None) for stage in stages]
    mixed = [next((number for number in stage if number in transformers), None) for stage in stages]
    encoder = NextViTConfig(
        stem_widths=reading.measure_all(
            findings, "encoder.stem_widths", [f"patch_embed.{n}.weight" for n in (0, 2, 4, 6)], lambda shape: shape[0]
        ),
        depths=tuple(map(len, stages)),
        transformers=transformers,
        widths=_widths(reading, findings, "encoder.widths", plain, "mlp.conv2.weight"),
        mlp_widths=_widths(reading, findings, "encoder.mlp_widths", plain, "mlp.conv1.weight"),
        transformer_widths=_widths(reading, findings, "encoder.transformer_widths", mixed, "mlp.conv2.weight"),
        attention_widths=_widths(reading, findings, "encoder.attention_widths", mixed, "attn.q.weight"),
        transformer_mlp_widths=_widths(reading, findings, "encoder.transformer_mlp_widths", mixed, "mlp.conv1.weight"),
        head_width=reading.measure(findings, "encoder.head_width", "imgencoder.blocks.0.mhca.group_conv.weight", lambda shape: shape[1]),
        reductions=findings.convention("encoder.reductions", REDUCTIONS, "Next-ViT's own; the last stage has no norm for reduced tokens"),
    )
    _check_heads(reading, encoder)
    return encoder


def _stages(reading: Reading, count: int, transformers: Sequence[int]) -> list[range]:
    """The first stage ends before the first map is halved; each other stage ends with a transformer block, the last one's reducing nothing."""
    embedded = [number for number in range(1, count) if reading.has(f"imgencoder.blocks.{number}.embed.weight")]
    reducing = [number for number in transformers if reading.has(f"imgencoder.blocks.{number}.attn.reduce.1.weight")]
    if not embedded or len(reducing) < 2 or transformers[-1] != count - 1 or transformers[-1] == reducing[-1] or embedded[0] > reducing[0]:
        raise Contradiction(
            f"{reading.file} looks like {reading.family} but its blocks are not those of four stages, of which three end with attention."
        )
    ends = [embedded[0], reducing[0] + 1, reducing[-1] + 1, count]
    return [range(start, end) for start, end in pairwise([0, *ends])]


def _widths(reading: Reading, findings: Findings, path: str, blocks: Sequence[int | None], layer: str) -> tuple[int, ...]:
    """What a layer gives in one block of each stage; zero where the stage has no such block."""
    names = [None if block is None else f"imgencoder.blocks.{block}.{layer}" for block in blocks]
    present = [name for name in names if name is not None]
    measured = iter(reading.measure_all(findings, path, present, lambda shape: shape[0]) if present else ())
    return tuple(0 if name is None else next(measured) for name in names)


def _check_heads(reading: Reading, encoder: NextViTConfig) -> None:
    near = [outer - inner for outer, inner in zip(encoder.transformer_widths, encoder.attention_widths, strict=True)]
    for width in (*encoder.widths, *encoder.attention_widths, *near):
        if width < 0 or not encoder.head_width or width % encoder.head_width:
            raise Contradiction(
                f"{reading.file} looks like {reading.family} but {width} features are no whole number of heads of {encoder.head_width}."
            )


def _image(reading: Reading, findings: Findings) -> ImageConfig:
    channels = reading.measure(findings, "image.channels", "patch_embed.0.weight", lambda shape: shape[1])
    image = ImageConfig(channels, 384, True, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return findings.rest(
        "image", image, Source.CONVENTION, "how MiDaS was trained: mean and standard deviation one half, sides in steps of 32"
    )


def _inventory(config: DPTConfig, encoder: NextViTConfig) -> Inventory:
    tensors: Inventory = {}
    for number, (inputs, outputs) in enumerate(pairwise((config.image.channels, *encoder.stem_widths))):
        tensors |= normalized_convolution(f"patch_embed.{2 * number}", outputs, inputs, 3)
    inputs = encoder.stem_widths[-1]
    ends = tuple(accumulate(encoder.depths))
    for stage, (start, end) in enumerate(pairwise((0, *ends))):
        for number in range(start, end):
            block, halving = f"imgencoder.blocks.{number}", stage > 0 and number == start
            outputs = (encoder.transformer_widths if number in encoder.transformers else encoder.widths)[stage]
            inner = encoder.attention_widths[stage] if number in encoder.transformers else outputs
            tensors |= normalized_convolution(f"{block}.embed", inner, inputs, 1) if halving or inner != inputs else {}
            if number in encoder.transformers:
                tensors |= _transformer_inventory(block, inner, outputs, encoder.reductions[stage])
                tensors |= _convolutional_inventory(
                    block, outputs - inner, outputs, encoder.transformer_mlp_widths[stage], encoder.head_width
                )
            else:
                tensors |= batch_norm(f"{block}.norm", outputs)
                tensors |= _convolutional_inventory(block, outputs, outputs, encoder.mlp_widths[stage], encoder.head_width)
            inputs = outputs
    return {
        **tensors,
        **map_reassembly_of(config, encoder.handed_on),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


def _transformer_inventory(block: str, inner: int, outputs: int, reduction: int) -> Inventory:
    """What a transformer block has besides what every block has."""
    return {
        **batch_norm(f"{block}.norm_attn", inner),
        **linear(f"{block}.attn.q", inner, inner),
        **linear(f"{block}.attn.kv", 2 * inner, inner),
        **linear(f"{block}.attn.proj", inner, inner),
        **(batch_norm(f"{block}.attn.reduce.1", inner) if reduction > 1 else {}),
        **(normalized_convolution(f"{block}.reembed", outputs - inner, inner, 1) if outputs != 2 * inner else {}),
        **batch_norm(f"{block}.norm_mlp", outputs),
    }


def _convolutional_inventory(block: str, width: int, outputs: int, mlp_width: int, head_width: int) -> Inventory:
    return {
        **normalized_convolution(f"{block}.mhca.group_conv", width, head_width, 3),
        **convolution(f"{block}.mhca.proj", width, width, 1, bias=False),
        **convolution(f"{block}.mlp.conv1", mlp_width, outputs, 1),
        **convolution(f"{block}.mlp.conv2", outputs, mlp_width, 1),
    }


DPT_NEXT_VIT = Family(
    name="dpt_next_vit",
    title="DPT, Next-ViT",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=NextViTConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"next[_-]?vit", re.IGNORECASE),
    released=(Released("dpt_next_vit_large_384", {"encoder.depths": (3, 4, 30, 3), "encoder.widths": (96, 192, 384, 768)}),),
    settings=OUTPUT_SETTINGS,
)
