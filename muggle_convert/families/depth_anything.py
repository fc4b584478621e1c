"""Depth-Anything V1 and V2: DINOv2 under a DPT decoder. The two differ only in which blocks are tapped, which no tensor tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, DINOv2Config, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families import papers
from muggle_convert.families.efficient_attention import attention_inventory, full_attention
from muggle_convert.families.evidence import Evidence, Findings, Source, Told
from muggle_convert.families.family import METRIC_FILE, Family, Reading, Released
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_owned,
    fusion_rules,
    linear,
    norm,
    read_depth_head,
    read_fusion,
    read_readout,
    read_reassembled_features,
    token_reassembly_of,
)
from muggle_convert.families.settings import HEADS, MAX_DEPTH, TAPS, check_taps, metric
from muggle_convert.families.tokens import position_inventory, read_heads, read_square_grid, size_by_positions
from muggle_convert.families.transformers_layout.depth_anything import TRANSFORMERS
from muggle_convert.rules import RuleSet, rename, split, unused

ORIGINAL = RuleSet(
    rules=(
        rename("pretrained.cls_token", "patch_embed.cls_token"),
        rename("pretrained.patch_embed.proj.{p:parameter}", "patch_embed.proj.{p:parameter}"),
        split("pretrained.pos_embed", "posenc.cls_embedding", "posenc.base_patch_embedding", axis=1, count=1),
        rename("pretrained.blocks.{n}.norm{i+1}.{p:parameter}", "imgencoder.blocks.{n}.norm{i+1}.{p:parameter}"),
        rename("pretrained.blocks.{n}.attn.{m:qkv|proj}.{p:parameter}", "imgencoder.blocks.{n}.attn.{m:qkv|proj}.{p:parameter}"),
        rename("pretrained.blocks.{n}.ls{i+1}.gamma", "imgencoder.blocks.{n}.{i:scale_attn|scale_mlp}"),
        rename("pretrained.blocks.{n}.mlp.fc{i+1}.{p:parameter}", "imgencoder.blocks.{n}.mlp.fc{i+1}.{p:parameter}"),
        rename("pretrained.blocks.{n}.mlp.{m:w12|w3}.{p:parameter}", "imgencoder.blocks.{n}.mlp.{m:gate_and_value|out}.{p:parameter}"),
        rename("pretrained.norm.{p:parameter}", "imgencoder.outnorm.{p:parameter}"),
        rename("depth_head.projects.{s}.{p:parameter}", "reassemble.{s:scale}.resample.0.{p:parameter}"),
        rename("depth_head.resize_layers.{s}.{p:parameter}", "reassemble.{s:scale}.resample.1.{p:parameter}"),
        rename("depth_head.readout_projects.{s}.0.{p:parameter}", "reassemble.{s:scale}.readout_proj.{p:parameter}"),
        *fusion_rules("depth_head."),
        rename("depth_head.scratch.output_conv1.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
        rename("depth_head.scratch.output_conv2.{2*i}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
    ),
    drops=(
        unused("pretrained.mask_token", "only DINOv2's own training masks patches"),
        *fusion_drops("depth_head."),
    ),
    owned=lambda config, encoder: {"pretrained.mask_token": (1, encoder.width), **fusion_owned(config, "depth_head.")},
)

V2_TAPS: Mapping[int, tuple[int, ...]] = {12: (2, 5, 8, 11), 24: (4, 11, 17, 23), 40: (9, 19, 29, 39)}
V2_FILE = re.compile(r"metric[_-](?P<data>hypersim|vkitti)|(^|/)depth_anything_v2_vit[sblg]\.", re.IGNORECASE)
METRIC_DEPTHS = {"hypersim": 20.0, "vkitti": 80.0}  # metres: rooms, and streets


def _configure_v1(reading: Reading, findings: Findings) -> DPTConfig:
    depth = reading.count("imgencoder.blocks.{n}.norm1.weight")
    if depth < 4:
        raise Refusal(f"{reading.file} has {depth} transformer blocks; Depth-Anything V1 taps the last four, so it has four at least.")
    taps = findings.convention("encoder.taps", _last_four(depth), "V1 taps the last four blocks")
    if (told := reading.told("taps", TAPS)) is not None and told.value != taps:
        raise Contradiction(
            f"{reading.file} taps the blocks {list(told.value)} ({told.evidence}), where Depth-Anything V1 taps the last four.",
            because=told.evidence,
        )
    if _is_said_to_be_metric(reading):
        raise Contradiction(
            f"{reading.file} is metric, as its config.json says, which Depth-Anything V1 is not.",
            because=Evidence(Source.METADATA, "max_depth in config.json"),
        )
    output = OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned")
    if (named := reading.named(METRIC_FILE)) is None:
        findings.convention("output.kind", output.kind, "V1 predicts relative inverse depth")
    else:
        findings.note(
            "output.kind", output.kind, Source.ASSUMED, f"V1 predicts no other, although the file is called {named.evidence.detail}"
        )
    _rest_of_output(findings, output)
    return _configure(reading, findings, depth, taps, output)


def _configure_v2(reading: Reading, findings: Findings) -> DPTConfig:
    depth = reading.count("imgencoder.blocks.{n}.norm1.weight")
    taps = _told_taps_v2(reading, findings, depth)
    if taps is None and depth not in V2_TAPS:
        raise Refusal(
            f"{reading.file} has {depth} transformer blocks; Depth-Anything V2 was released with 12, 24 and 40, and no tensor tells "
            "which blocks another depth taps: pass --set taps=A,B,C,D."
        )
    if taps is None:
        taps = findings.convention("encoder.taps", V2_TAPS[depth], f"V2 taps these of {depth} blocks")
    return _configure(reading, findings, depth, taps, _output_v2(reading, findings))


def _told_taps_v2(reading: Reading, findings: Findings, depth: int) -> tuple[int, ...] | None:
    """What a flag says, or a config.json that does not say what makes it V1."""
    told = reading.told("taps", TAPS)
    if told is None:
        return None
    taps: tuple[int, ...] = told.value
    check_taps(taps, 4, depth)
    is_v1 = taps == _last_four(depth) and depth in V2_TAPS and not _is_said_to_be_metric(reading)
    if is_v1 and told.evidence.source is Source.METADATA:
        raise Contradiction(
            f"{reading.file} taps the last four blocks ({told.evidence}), as Depth-Anything V1 does and V2 does not.", because=told.evidence
        )
    return told.noted(findings, "encoder.taps", taps)


def _last_four(depth: int) -> tuple[int, ...]:
    return tuple(range(depth - 4, depth))


def _configure(reading: Reading, findings: Findings, depth: int, taps: tuple[int, ...], output: OutputConfig) -> DPTConfig:
    grid = read_square_grid(reading, findings)
    patch_size = reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[-1])
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading, findings, depth, taps, patch_size, grid),
        reassemble=ReassembleConfig(read_reassembled_features(reading, findings), read_readout(reading, findings)),
        fusion=read_fusion(reading, findings, "to next"),
        head=read_depth_head(reading, findings, "to image"),
        image=_image(reading, findings, patch_size, grid),
        output=output,
    )


def _encoder(
    reading: Reading, findings: Findings, depth: int, taps: tuple[int, ...], patch_size: int, grid: tuple[int, int]
) -> DINOv2Config:
    width = reading.measure(findings, "encoder.width", "patch_embed.cls_token", lambda shape: shape[-1])
    gated = "imgencoder.blocks.0.mlp.gate_and_value.weight"
    first = gated if reading.has(gated) else "imgencoder.blocks.0.mlp.fc1.weight"
    findings.note("encoder.depth", depth, Source.SHAPE, f"{depth} blocks, numbered from 0 to {depth - 1}")
    return DINOv2Config(
        width=width,
        depth=depth,
        heads=read_heads(reading, findings, width),
        mlp=findings.note("encoder.mlp", "swiglu" if reading.has(gated) else "gelu", Source.SHAPE, reading.describe(first)),
        mlp_width=reading.measure(findings, "encoder.mlp_width", first, lambda shape: shape[0] // (2 if reading.has(gated) else 1)),
        patch_size=patch_size,
        grid=grid,
        taps=taps,
        attention=full_attention(findings),
    )


def _image(reading: Reading, findings: Findings, patch_size: int, grid: tuple[int, int]) -> ImageConfig:
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    size, why = size_by_positions(grid, patch_size)
    findings.note("image.size", size, Source.SHAPE, why)
    multiple = findings.note("image.multiple", patch_size, Source.SHAPE, "the patch size")
    image = ImageConfig(channels, size, True, "at least", multiple, IMAGENET_MEAN, IMAGENET_STD)
    return findings.rest(
        "image",
        image,
        Source.CONVENTION,
        "how Depth-Anything was trained: ImageNet's mean and standard deviation, the shorter side at the image size",
    )


def _output_v2(reading: Reading, findings: Findings) -> OutputConfig:
    output = OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned")
    told = _told_largest_depth(reading)
    if told is None:
        findings.note(
            "output.kind", output.kind, Source.ASSUMED, "nothing says that it is metric; --set max_depth=20 (rooms) or 80 (streets) would"
        )
    else:
        findings.because(told.evidence, "output.kind", "output.max_depth")
        output = output if told.value is None else metric(output, told.value)
    return _rest_of_output(findings, output)


def _told_largest_depth(reading: Reading) -> Told[float | None] | None:
    """In metres; None as what is told of a relative model, which has none."""
    if "max_depth" not in reading.overrides:
        said = Evidence(Source.METADATA, "depth_estimation_type in config.json")
        if reading.said.get("depth_estimation_type") == "relative":
            return Told(None, said)
        if _is_said_to_be_metric(reading) and reading.said.get("max_depth") is None:
            raise Refusal(f"{reading.file} is metric ({said.detail}), and nothing says up to which depth: pass --set max_depth=METRES.")
    told = reading.clue("max_depth", V2_FILE)
    if told is None:
        reading.ask_for_metres(
            "pass --set max_depth=METRES, which was 20 for rooms (Hypersim) and 80 for streets (VKITTI), or give it another name if it is relative"
        )
        return None
    if not isinstance(told.value, re.Match):
        return Told(MAX_DEPTH.parse(told.value), told.evidence)
    data = told.value["data"]
    return Told(METRIC_DEPTHS[data.lower()] if data else None, told.evidence)


def _is_said_to_be_metric(reading: Reading) -> bool:
    """By the config.json beside it."""
    kind = reading.said.get("depth_estimation_type")
    return reading.said.get("max_depth") is not None if kind is None else kind == "metric"


def _rest_of_output(findings: Findings, output: OutputConfig) -> OutputConfig:
    findings.convention("output.activation", output.activation, "a sigmoid in metric models, a rectifier in relative ones")
    findings.convention("output.resize", output.resize, "how Depth-Anything's code brings predictions to the size of the picture")
    return findings.rest("output", output, Source.CONVENTION, "Depth-Anything inverts nothing, and relative depth has no largest value")


def _inventory(config: DPTConfig, encoder: DINOv2Config) -> Inventory:
    width = encoder.width
    tensors: Inventory = {
        "patch_embed.cls_token": (1, 1, width),
        **convolution("patch_embed.proj", width, config.image.channels, encoder.patch_size),
        **position_inventory(width, encoder.grid),
        **norm("imgencoder.outnorm", width),
    }
    for number in range(encoder.depth):
        block = f"imgencoder.blocks.{number}"
        tensors |= {f"{block}.scale_attn": (width,), f"{block}.scale_mlp": (width,)}
        tensors |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)  # both first, as in every file written so far
        tensors |= attention_inventory(f"{block}.attn", encoder)
        if encoder.mlp == "swiglu":
            tensors |= linear(f"{block}.mlp.gate_and_value", 2 * encoder.mlp_width, width) | linear(
                f"{block}.mlp.out", width, encoder.mlp_width
            )
        else:
            tensors |= linear(f"{block}.mlp.fc1", encoder.mlp_width, width) | linear(f"{block}.mlp.fc2", width, encoder.mlp_width)
    return {
        **tensors,
        **token_reassembly_of(config, width),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, config.fusion.widths[0]),
    }


def _released(pattern: str, sizes: Mapping[str, int], **more: Any) -> tuple[Released, ...]:
    return tuple(Released(pattern.format(letter), {"encoder.width": width, **more}) for letter, width in sizes.items())


DEPTH_ANYTHING_V1 = Family(
    name="depth_anything_v1",
    title="Depth-Anything V1",
    citations=(papers.DEPTH_ANYTHING_V1, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure_v1,
    tensors=_inventory,
    file_names=re.compile(r"depth[_-]anything[_-](v1[_-])?vit[sblg]14|depth[_-]anything[_-]v1", re.IGNORECASE),
    released=_released("depth_anything_vit{}14", {"s": 384, "b": 768, "l": 1024}),
    settings={"heads": HEADS},
    transformers=TRANSFORMERS,
)

DEPTH_ANYTHING_V2 = Family(
    name="depth_anything_v2",
    title="Depth-Anything V2",
    citations=(papers.DEPTH_ANYTHING_V2, papers.DPT),
    encoder=DINOv2Config,
    layouts={"original": ORIGINAL},
    configure=_configure_v2,
    tensors=_inventory,
    file_names=re.compile(r"depth[_-]anything[_-]v2", re.IGNORECASE),
    released=(
        *_released("depth_anything_v2_vit{}", {"s": 384, "b": 768, "l": 1024, "g": 1536}, **{"output.kind": "relative inverse depth"}),
        *_released("depth_anything_v2_metric_hypersim_vit{}", {"s": 384, "b": 768, "l": 1024}, **{"output.max_depth": 20.0}),
        *_released("depth_anything_v2_metric_vkitti_vit{}", {"s": 384, "b": 768, "l": 1024}, **{"output.max_depth": 80.0}),
    ),
    settings={"max_depth": MAX_DEPTH, "taps": TAPS, "heads": HEADS},
    transformers=TRANSFORMERS,
)
