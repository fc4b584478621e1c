"""DUSt3R: two photographs in, a point in space for each of their pixels out; DPT's decoder on CroCo's two-view transformer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_defs.config import SCALES, CroCoConfig, DPTConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.errors import Refusal
from muggle_convert.families import papers
from muggle_convert.families.evidence import Evidence, Findings, Source, Told
from muggle_convert.families.family import Family, Reading, Released, Setting
from muggle_convert.families.parts import (
    Inventory,
    convolution,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    linear,
    norm,
    read_depth_head,
    read_fusion,
    read_reassembled_features,
    token_reassembly,
)
from muggle_convert.families.settings import HEADS, on_encoder, whole_number
from muggle_convert.families.training_call import told_by_training
from muggle_convert.rules import Drop, Rule, RuleSet, duplicate, rename, unused
from muggle_convert.rules.templates import Template

_ENCODER, _ENCODER_HERE = "enc_blocks.{n}", "imgencoder.blocks.{n}"
_HEAD, _HEAD_HERE = "downstream_head{v+1}.dpt.", "views.{v:first|second}."


def _decoder_rules(block: str, here: str) -> tuple[Rule, ...]:
    return (
        rename(block + ".norm{i+1}.{p:parameter}", here + ".norm{i+1}.{p:parameter}"),
        rename(block + ".norm_y.{p:parameter}", here + ".norm_other.{p:parameter}"),
        rename(block + ".attn.{m:qkv|proj}.{p:parameter}", here + ".attn.{m:qkv|proj}.{p:parameter}"),
        rename(
            block + ".cross_attn.{m:projq|projk|projv|proj}.{p:parameter}", here + ".cross_attn.{m:queries|keys|values|proj}.{p:parameter}"
        ),
        rename(block + ".mlp.fc{i+1}.{p:parameter}", here + ".mlp.fc{i+1}.{p:parameter}"),
    )


def _of_each_view(rule: Rule) -> Rule:
    return Rule(
        tuple(Template(_HEAD + template.text) for template in rule.original),
        tuple(Template(_HEAD_HERE + template.text) for template in rule.canonical),
        rule.operation,
    )


def _dropped_of_each_view(drop: Drop) -> Drop:
    same_as = Template(_HEAD + drop.same_as.text) if drop.same_as else None
    return replace(drop, template=Template(_HEAD + drop.template.text), same_as=same_as)


_VIEW_RULES = (
    rename("act_postprocess.{s}.{i}.{p:parameter}", "reassemble.{s:scale}.resample.{i}.{p:parameter}"),
    *fusion_rules(),
    rename("head.0.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
    rename("head.{2*i+2}.{p:parameter}", "head.proj_1ch.{2*i}.{p:parameter}"),
)
_VIEW_DROPS = (
    *fusion_drops(),
    duplicate("scratch.layer_rn.{s}.weight", same_as="scratch.layer{s+1}_rn.weight"),
    duplicate("act_{s+1}_postprocess.{i}.{p:parameter}", same_as="act_postprocess.{s}.{i}.{p:parameter}"),
)

ORIGINAL = RuleSet(
    rules=(
        rename("patch_embed.proj.{p:parameter}", "patch_embed.proj.{p:parameter}"),
        rename(_ENCODER + ".norm{i+1}.{p:parameter}", _ENCODER_HERE + ".norm{i+1}.{p:parameter}"),
        rename(_ENCODER + ".attn.{m:qkv|proj}.{p:parameter}", _ENCODER_HERE + ".attn.{m:qkv|proj}.{p:parameter}"),
        rename(_ENCODER + ".mlp.fc{i+1}.{p:parameter}", _ENCODER_HERE + ".mlp.fc{i+1}.{p:parameter}"),
        rename("enc_norm.{p:parameter}", "imgencoder.norm.{p:parameter}"),
        rename("decoder_embed.{p:parameter}", "decoder.embed.{p:parameter}"),
        *_decoder_rules("dec_blocks.{n}", "decoder.first.{n}"),
        *_decoder_rules("dec_blocks2.{n}", "decoder.second.{n}"),
        rename("dec_norm.{p:parameter}", "decoder.norm.{p:parameter}"),
        rename("downstream_head{v+1}.proj.{p:parameter}", _HEAD_HERE + "linear.{p:parameter}"),
        *map(_of_each_view, _VIEW_RULES),
    ),
    drops=(unused("mask_token", "patches were only hidden in the encoder's first training"), *map(_dropped_of_each_view, _VIEW_DROPS)),
)


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    if reading.has("views.first.linear.weight"):
        raise Refusal(
            f"{reading.file} is a DUSt3R with the linear head ({reading.describe('views.first.linear.weight')}); this version knows the one with "
            "DPT heads: convert DUSt3R_ViTLarge_BaseDecoder_512_dpt."
        )
    told = told_by_training(reading)
    view = _first_view(reading)
    encoder = _encoder(reading, findings, told)
    head = read_depth_head(view, findings, "double")
    if head.channels != 4:
        raise Refusal(
            f"{reading.file} predicts {head.channels} channels; DUSt3R predicts three for a point and one for how far to trust it."
        )
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=ReassembleConfig(
            features=read_reassembled_features(view, findings),
            readout=findings.note("reassemble.readout", "none", Source.SHAPE, "no tensor is a class token"),
        ),
        fusion=read_fusion(view, findings, "double and crop"),
        head=head,
        image=_image(reading, findings, told),
        output=_output(reading, findings, told),
    )


def _first_view(reading: Reading) -> Reading:
    """The reading of one view's decoder, under the names that every DPT has; the other's tensors are held against it later."""
    prefix = "views.first."
    return replace(
        reading,
        shapes={name.removeprefix(prefix): shape for name, shape in reading.shapes.items() if name.startswith(prefix)},
        origins={name.removeprefix(prefix): names for name, names in reading.origins.items() if name.startswith(prefix)},
        called=lambda name: reading.called(prefix + name),
    )


def _encoder(reading: Reading, findings: Findings, told: Mapping[str, Told[Any]]) -> CroCoConfig:
    depth, decoder_depth = reading.count("imgencoder.blocks.{n}.norm1.weight"), reading.count("decoder.first.{n}.norm1.weight")
    width = reading.measure(findings, "encoder.width", "patch_embed.proj.weight", lambda shape: shape[0])
    decoder_width = reading.measure(findings, "encoder.decoder_width", "decoder.embed.weight", lambda shape: shape[0])
    taps = tuple(decoder_depth * quarters // 4 for quarters in (0, 2, 3, 4))
    second = reading.has("decoder.second.0.norm1.weight")
    how = "there is dec_blocks2" if second else "there is no dec_blocks2: the second decoder is the first"
    return CroCoConfig(
        width=width,
        depth=findings.note("encoder.depth", depth, Source.SHAPE, f"{depth} blocks in the encoder"),
        heads=_heads(reading, findings, told, "heads", "enc_num_heads", width),
        mlp_width=reading.measure(findings, "encoder.mlp_width", "imgencoder.blocks.0.mlp.fc1.weight", lambda shape: shape[0]),
        patch_size=reading.measure(findings, "encoder.patch_size", "patch_embed.proj.weight", lambda shape: shape[2]),
        decoder_width=decoder_width,
        decoder_depth=findings.note("encoder.decoder_depth", decoder_depth, Source.SHAPE, f"{decoder_depth} blocks in the decoder"),
        decoder_heads=_heads(reading, findings, told, "decoder_heads", "dec_num_heads", decoder_width),
        decoder_mlp_width=reading.measure(findings, "encoder.decoder_mlp_width", "decoder.first.0.mlp.fc1.weight", lambda shape: shape[0]),
        two_decoders=findings.note("encoder.two_decoders", second, Source.SHAPE, how),
        rotation_base=_rotation_base(reading, findings, told),
        taps=findings.convention(
            "encoder.taps", taps, "the encoder's output, and the decoder's after a half, three quarters and all of it"
        ),
    )


def _heads(reading: Reading, findings: Findings, told: Mapping[str, Told[Any]], key: str, trained: str, width: int) -> int:
    path = f"encoder.{key}"
    heads = findings.convention(path, width // 64, "64 features for each head")
    if (stated := reading.told(key, HEADS)) is not None:
        heads = stated.noted(findings, path, stated.value)
    elif trained in told:
        heads = told[trained].noted(findings, path, whole_number(told[trained].value))
    if heads < 1 or width % (4 * heads):
        raise Refusal(
            f"{reading.file} has {width} features, which {heads} heads with pairs of channels for rows and for columns cannot share: "
            f"pass --set {key}=NUMBER."
        )
    return heads


def _rotation_base(reading: Reading, findings: Findings, told: Mapping[str, Told[Any]]) -> float:
    positions = told.get("pos_embed")
    if positions is None:
        return findings.convention("encoder.rotation_base", 100.0, "every released DUSt3R was trained with RoPE100")
    if not (base := re.fullmatch(r"RoPE(\d+)", str(positions.value))) or not float(base[1]):
        raise Refusal(
            f"{reading.file} was trained with pos_embed={positions.value!r}; positions that are rotations, such as RoPE100, are needed."
        )
    return positions.noted(findings, "encoder.rotation_base", float(base[1]))


def _image(reading: Reading, findings: Findings, told: Mapping[str, Told[Any]]) -> ImageConfig:
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    multiple = reading.measure(findings, "image.multiple", "patch_embed.proj.weight", lambda shape: shape[2])
    size = findings.convention("image.size", 512, "the released model with DPT heads was trained with a long side of 512")
    if "img_size" in told:
        size = told["img_size"].noted(findings, "image.size", max(map(whole_number, told["img_size"].value)))
    image = ImageConfig(channels, size, True, "at most", multiple, (0.5,) * channels, (0.5,) * channels)
    return findings.rest(
        "image", image, Source.CONVENTION, "how DUSt3R was trained: mean and standard deviation one half, the long side at that size"
    )


def _output(reading: Reading, findings: Findings, told: Mapping[str, Told[Any]]) -> OutputConfig:
    why = Evidence(Source.CONVENTION, "how every released DUSt3R makes points and confidences")
    for key, known in {"depth_mode": ("exp", -math.inf, math.inf), "conf_mode": ("exp", 1, math.inf)}.items():
        if key in told:
            if tuple(told[key].value) != known:
                raise Refusal(f"{reading.file} was trained with {key}={told[key].value!r}; this version knows {key}={known!r}.")
            why = told[key].evidence
    return findings.rest("output", OutputConfig(kind="points", activation="exp"), why.source, why.detail)


def _inventory(config: DPTConfig, encoder: CroCoConfig) -> Inventory:
    width = encoder.decoder_width
    tensors: Inventory = {**convolution("patch_embed.proj", encoder.width, config.image.channels, encoder.patch_size)}
    for number in range(encoder.depth):
        tensors |= _attention_and_mlp(f"imgencoder.blocks.{number}", encoder.width, encoder.mlp_width, "norm2")
    tensors |= {**norm("imgencoder.norm", encoder.width), **linear("decoder.embed", width, encoder.width)}
    for decoder in ("first", "second") if encoder.two_decoders else ("first",):
        for number in range(encoder.decoder_depth):
            block = f"decoder.{decoder}.{number}"
            tensors |= {
                **_attention_and_mlp(block, width, encoder.decoder_mlp_width, "norm3"),
                **{name: shape for part in ("norm2", "norm_other") for name, shape in norm(f"{block}.{part}", width).items()},
            }
            for part in ("queries", "keys", "values", "proj"):
                tensors |= linear(f"{block}.cross_attn.{part}", width, width)
    tensors |= norm("decoder.norm", width)
    for view in ("first", "second"):
        tensors |= {f"views.{view}.{name}": shape for name, shape in _view_inventory(config, encoder).items()}
    return tensors


def _attention_and_mlp(block: str, width: int, mlp_width: int, before_mlp: str) -> Inventory:
    return {
        **norm(f"{block}.norm1", width),
        **linear(f"{block}.attn.qkv", 3 * width, width),
        **linear(f"{block}.attn.proj", width, width),
        **norm(f"{block}.{before_mlp}", width),
        **linear(f"{block}.mlp.fc1", mlp_width, width),
        **linear(f"{block}.mlp.fc2", width, mlp_width),
    }


def _view_inventory(config: DPTConfig, encoder: CroCoConfig) -> Inventory:
    tensors: Inventory = {}
    for scale, tap, features, fusion_width in zip(SCALES, encoder.taps, config.reassemble.features, config.fusion.widths, strict=True):
        tensors |= token_reassembly(scale, encoder.decoder_width if tap else encoder.width, features, fusion_width, "none")
    return {**tensors, **fusion_inventory(config.fusion), **depth_head_inventory(config.head, config.fusion.widths[0])}


def _apply_heads(encoder: CroCoConfig, heads: int) -> CroCoConfig:
    _check_heads("heads", heads, encoder.width)
    return replace(encoder, heads=heads)


def _apply_decoder_heads(encoder: CroCoConfig, heads: int) -> CroCoConfig:
    _check_heads("decoder_heads", heads, encoder.decoder_width)
    return replace(encoder, decoder_heads=heads)


def _check_heads(key: str, heads: int, width: int) -> None:
    if width % (4 * heads):
        raise Refusal(f"{key}={heads} does not fit: {width} features cannot be shared out among so many heads.")


_FULL = {"encoder.width": 1024, "encoder.depth": 24, "encoder.decoder_width": 768, "encoder.decoder_depth": 12, "image.size": 512}

DUST3R = Family(
    name="dust3r",
    title="DUSt3R, points in space from two views",
    citations=(papers.DUST3R, papers.DPT),
    encoder=CroCoConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"dust3r", re.IGNORECASE),
    released=(Released("DUSt3R_ViTLarge_BaseDecoder_512_dpt", _FULL),),
    settings={
        "heads": Setting(HEADS.meaning, HEADS.parse, on_encoder(_apply_heads)),
        "decoder_heads": Setting("the same for the decoder's blocks", HEADS.parse, on_encoder(_apply_decoder_heads)),
    },
)
