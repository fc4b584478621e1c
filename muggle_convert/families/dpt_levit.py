"""DPT with LeViT: three maps, and a stem turned around between fusion and head."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from model_defs.config import SCALES, DPTConfig, ImageConfig, LeViTConfig
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families import papers
from muggle_convert.families.ends import DEPTH_HEAD_RULES, OUTPUT_SETTINGS, read_output
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Family, Reading, Released, Setting
from muggle_convert.families.parts import (
    CLASSIFIER,
    Inventory,
    batch_norm,
    depth_head_inventory,
    fusion_drops,
    fusion_inventory,
    fusion_rules,
    map_reassembly_of,
    normalized_convolution,
    read_depth_head,
    read_fusion,
    read_map_reassembly,
)
from muggle_convert.families.settings import on_encoder, whole_numbers
from muggle_convert.rules import Drop, Rule, RuleSet, Shape, derivable, rename, unused

if TYPE_CHECKING:
    import numpy as np

# The original counts every attention and every MLP; a block here is one of each.
KNOWN_TAPS = (1, 5, 10)  # the MLPs that the original counts as 3, 11 and 21
FIRST_UNREAD = 22


def _block_rules(attention: str, mlp: str) -> tuple[Rule, ...]:
    attention, mlp, block = f"pretrained.model.blocks.{attention}", f"pretrained.model.blocks.{mlp}", "imgencoder.blocks.{b}"
    return (
        rename(attention + ".m.attention_biases", block + ".attn.distance_bias"),
        rename(attention + ".m.{l:qkv|proj.1}.c.weight", block + ".attn.{l:qkv|proj}.weight"),
        rename(attention + ".m.{l:qkv|proj.1}.bn.{p:batch_norm}", block + ".attn.{l:qkv|proj}.norm.{p:batch_norm}"),
        rename(attention + ".attention_biases", block + ".shrink.distance_bias"),
        rename(attention + ".{l:q.1|kv|proj.1}.c.weight", block + ".shrink.{l:q|kv|proj}.weight"),
        rename(attention + ".{l:q.1|kv|proj.1}.bn.{p:batch_norm}", block + ".shrink.{l:q|kv|proj}.norm.{p:batch_norm}"),
        rename(mlp + ".m.{l:0|2}.c.weight", block + ".mlp.{l:fc1|fc2}.weight"),
        rename(mlp + ".m.{l:0|2}.bn.{p:batch_norm}", block + ".mlp.{l:fc1|fc2}.norm.{p:batch_norm}"),
    )


def _derive_index(encoder: LeViTConfig, fields: Mapping[str, int], step: int = 1) -> np.ndarray[Any, Any]:
    """Which entry of the biases is for which query and key, the queries `step` places apart."""
    import numpy as np

    places = np.arange(_side(encoder, fields["n"] // 2))
    apart = np.abs(places[::step, None] - places)
    index: np.ndarray[Any, Any] = len(places) * apart[:, None, :, None] + apart[None, :, None, :]
    return index.reshape(apart.shape[0] ** 2, len(places) ** 2)


def _side(encoder: LeViTConfig, block: int) -> int:
    """Rows and columns of the map a block works on, which each shrinking block before it has halved."""
    side = encoder.side
    for shrinking in _shrinking(encoder):
        side = (side + 1) // 2 if block > shrinking else side
    return side


def _shrinking(encoder: LeViTConfig) -> tuple[int, int]:
    return encoder.depths[0], encoder.depths[0] + 1 + encoder.depths[1]


_STEM_RULES = (
    rename("pretrained.model.patch_embed.{n}.c.weight", "patch_embed.{n}.weight"),
    rename("pretrained.model.patch_embed.{n}.bn.{p:batch_norm}", "patch_embed.{n}.norm.{p:batch_norm}"),
    rename("scratch.stem_transpose.{n}.c.weight", "transposed_stem.{n}.weight"),
    rename("scratch.stem_transpose.{n}.bn.{p:batch_norm}", "transposed_stem.{n}.norm.{p:batch_norm}"),
)
_INDEX = "the index follows from the size of the map"
_DROPS: tuple[Drop, ...] = (
    derivable("pretrained.model.blocks.{n}.m.attention_bias_idxs", _INDEX, _derive_index),
    derivable("pretrained.model.blocks.{n}.attention_bias_idxs", _INDEX, partial(_derive_index, step=2)),
    unused("pretrained.model.{h:head|head_dist}.bn.{p:batch_norm}", CLASSIFIER),
    unused("pretrained.model.{h:head|head_dist}.l.{p:parameter}", CLASSIFIER),
    *fusion_drops(coarsest=3),
)
_AFTER_LAST_TAP = f"only {CLASSIFIER} reads blocks after the last tap"
_UNREAD = f"pretrained.model.blocks.{{n+{FIRST_UNREAD}}}.m."
_UNREAD_DROPS: tuple[Drop, ...] = (
    unused(_UNREAD + "attention_biases", _AFTER_LAST_TAP),
    unused(_UNREAD + "{l:qkv|proj.1|0|2}.c.weight", _AFTER_LAST_TAP),
    unused(_UNREAD + "{l:qkv|proj.1|0|2}.bn.{p:batch_norm}", _AFTER_LAST_TAP),
)
_ATTENTIONS, _MLPS = ("|".join(map(str, range(first, FIRST_UNREAD, 2))) for first in (0, 1))
_ENDS = (*_STEM_RULES, *fusion_rules(coarsest=3), *DEPTH_HEAD_RULES)

ORIGINAL = RuleSet((*_block_rules(f"{{b:{_ATTENTIONS}}}", f"{{b:{_MLPS}}}"), *_ENDS), (*_DROPS, *_UNREAD_DROPS))
EVERY_BLOCK = RuleSet((*_block_rules("{2*b}", "{2*b+1}"), *_ENDS), _DROPS)


def _apply_taps(encoder: LeViTConfig, hooks: tuple[int, ...]) -> LeViTConfig:
    return replace(encoder, taps=_tapped(hooks, _stages(_shrinking(encoder), sum(encoder.depths) + 2)))


def _tapped(hooks: tuple[int, ...], stages: Sequence[range]) -> tuple[int, ...]:
    """The blocks of MLPs, as the original counts, refused where there is not one of each stage."""
    if len(hooks) != 3 or any(hook % 2 == 0 or hook // 2 not in stage for hook, stage in zip(hooks, stages, strict=True)):
        possible = "; ".join(", ".join(str(2 * block + 1) for block in stage) for stage in stages)
        raise Refusal(f"taps {','.join(map(str, hooks))} do not fit: one is needed of each of {possible}, the MLPs of the three stages.")
    return tuple(hook // 2 for hook in hooks)


TAPS = Setting("the three MLPs whose outputs are used, as the original counts, such as 3,11,21", whole_numbers, on_encoder(_apply_taps))


def _configure(reading: Reading, findings: Findings) -> DPTConfig:
    encoder = _encoder(reading, findings)
    head = read_depth_head(reading, findings, "double")
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=read_map_reassembly(findings),
        fusion=read_fusion(reading, findings, "to next", SCALES[:3]),
        head=head,
        image=_image(reading, findings, encoder.side),
        output=read_output(reading, findings, head),
    )


def _encoder(reading: Reading, findings: Findings) -> LeViTConfig:
    count = reading.count("imgencoder.blocks.{n}.mlp.fc1.weight")
    shrinking = [number for number in range(count) if reading.has(f"imgencoder.blocks.{number}.shrink.kv.weight")]
    stages = _stages(shrinking, count)
    if len(shrinking) != 2 or not all(stages):
        raise Contradiction(f"{reading.file} looks like {reading.family} but not three stages with a shrinking block between each two.")
    blocks = [f"imgencoder.blocks.{stage[0]}" for stage in stages]
    between = [f"imgencoder.blocks.{number}" for number in shrinking]
    heads = reading.measure_all(findings, "encoder.heads", [f"{block}.attn.distance_bias" for block in blocks], lambda shape: shape[0])
    few = reading.measure_all(
        findings, "encoder.shrinking_heads", [f"{block}.shrink.distance_bias" for block in between], lambda shape: shape[0]
    )
    all_widths = _per_head(reading, findings, "encoder.key_widths", [f"{block}.attn.qkv.weight" for block in blocks], heads, axis=0)
    value_widths = _per_head(reading, findings, "encoder.value_widths", [f"{block}.attn.proj.weight" for block in blocks], heads, axis=1)
    key_widths = tuple((all_width - value_width) // 2 for all_width, value_width in zip(all_widths, value_widths, strict=True))
    if min(key_widths) < 1:
        raise Contradiction(f"{reading.file} looks like {reading.family} but its heads have no room for queries and keys.")
    depths = findings.note(
        "encoder.depths", tuple(map(len, stages)), Source.SHAPE, f"blocks {shrinking[0]} and {shrinking[1]} shrink the map"
    )
    q, values = [f"{block}.shrink.q.weight" for block in between], [f"{block}.shrink.proj.weight" for block in between]
    stem = [f"patch_embed.{number}.weight" for number in (0, 2, 4, 6)]
    transposed_stem = [f"transposed_stem.{number}.weight" for number in (0, 2)]
    mlps, between_mlps = [f"{block}.mlp.fc1.weight" for block in blocks], [f"{block}.mlp.fc1.weight" for block in between]
    return LeViTConfig(
        stem_widths=reading.measure_all(findings, "encoder.stem_widths", stem, lambda shape: shape[0]),
        side=reading.measure(findings, "encoder.side", f"{blocks[0]}.attn.distance_bias", lambda shape: math.isqrt(shape[1])),
        widths=reading.measure_all(findings, "encoder.widths", mlps, lambda shape: shape[1]),
        depths=depths,
        heads=heads,
        key_widths=key_widths,
        value_widths=value_widths,
        mlp_widths=reading.measure_all(findings, "encoder.mlp_widths", mlps, lambda shape: shape[0]),
        shrinking_heads=few,
        shrinking_key_widths=_per_head(reading, findings, "encoder.shrinking_key_widths", q, few, axis=0),
        shrinking_value_widths=_per_head(reading, findings, "encoder.shrinking_value_widths", values, few, axis=1),
        shrinking_mlp_widths=reading.measure_all(findings, "encoder.shrinking_mlp_widths", between_mlps, lambda shape: shape[0]),
        taps=_taps(reading, findings, stages),
        transposed_stem_widths=reading.measure_all(findings, "encoder.transposed_stem_widths", transposed_stem, lambda shape: shape[1]),
    )


def _stages(shrinking: Sequence[int], count: int) -> list[range]:
    starts, ends = (0, *(number + 1 for number in shrinking)), (*shrinking, count)
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


def _per_head(reading: Reading, findings: Findings, path: str, names: Sequence[str], heads: Sequence[int], axis: int) -> tuple[int, ...]:
    """All heads' channels, shared out among them."""

    def share(count: int, shape: Shape) -> int:
        return shape[axis] // count

    return tuple(reading.measure(findings, path, name, partial(share, count)) for name, count in zip(names, heads, strict=True))


def _taps(reading: Reading, findings: Findings, stages: Sequence[range]) -> tuple[int, ...]:
    """MiDaS's own three where each is in its stage; of other depths, the last of each stage, as with every other encoder with stages."""
    told = reading.told("taps", TAPS)
    known = all(tap in stage for tap, stage in zip(KNOWN_TAPS, stages, strict=True))
    if reading.stored(_UNREAD + "qkv.c.weight") and (max(told.value, default=0) >= FIRST_UNREAD if told is not None else not known):
        raise Contradiction(f"{reading.file} looks like {reading.family} but the original's blocks from {FIRST_UNREAD} on are read, too.")
    if told is not None:
        return told.noted(findings, "encoder.taps", _tapped(told.value, stages))
    if known:
        return findings.convention("encoder.taps", KNOWN_TAPS, "MiDaS taps what it counts as 3, 11 and 21")
    last = tuple(stage[-1] for stage in stages)
    return findings.note("encoder.taps", last, Source.ASSUMED, "the last block of each stage; --set taps=A,B,C would say otherwise")


def _image(reading: Reading, findings: Findings, side: int) -> ImageConfig:
    channels = reading.measure(findings, "image.channels", "patch_embed.0.weight", lambda shape: shape[1])
    size = findings.note("image.size", 16 * side, Source.SHAPE, f"the stem's sixteenth of it is {side} x {side}, which the biases are for")
    image = ImageConfig(channels, size, False, "closest", 16, (0.5,) * channels, (0.5,) * channels)
    return findings.rest(
        "image", image, Source.CONVENTION, "how MiDaS was trained: mean and standard deviation one half; no other size fits"
    )


def _inventory(config: DPTConfig, encoder: LeViTConfig) -> Inventory:
    tensors = _stem_inventory("patch_embed", config.image.channels, encoder.stem_widths)
    for stage, stage_blocks in enumerate(_stages(_shrinking(encoder), sum(encoder.depths) + 2)):
        width = encoder.widths[stage]
        for block in stage_blocks:
            name, heads = f"imgencoder.blocks.{block}", encoder.heads[stage]
            tensors[f"{name}.attn.distance_bias"] = (heads, _side(encoder, block) ** 2)
            tensors |= _linear(f"{name}.attn.qkv", heads * (2 * encoder.key_widths[stage] + encoder.value_widths[stage]), width)
            tensors |= _linear(f"{name}.attn.proj", width, heads * encoder.value_widths[stage])
            tensors |= _mlp_inventory(name, width, encoder.mlp_widths[stage])
    for stage, block in enumerate(_shrinking(encoder)):
        name, heads, inputs, outputs = f"imgencoder.blocks.{block}", encoder.shrinking_heads[stage], *encoder.widths[stage : stage + 2]
        keys, values = heads * encoder.shrinking_key_widths[stage], heads * encoder.shrinking_value_widths[stage]
        tensors[f"{name}.shrink.distance_bias"] = (heads, _side(encoder, block) ** 2)
        tensors |= _linear(f"{name}.shrink.q", keys, inputs) | _linear(f"{name}.shrink.kv", keys + values, inputs)
        tensors |= _linear(f"{name}.shrink.proj", outputs, values) | _mlp_inventory(name, outputs, encoder.shrinking_mlp_widths[stage])
    fusion_width, stem_widths = config.fusion.widths[0], encoder.transposed_stem_widths
    for number, (inputs, outputs) in enumerate(pairwise((fusion_width, *stem_widths))):
        tensors |= {
            f"transposed_stem.{2 * number}.weight": (inputs, outputs, 3, 3),
            **batch_norm(f"transposed_stem.{2 * number}.norm", outputs),
        }
    return {
        **tensors,
        **map_reassembly_of(config, encoder.widths),
        **fusion_inventory(config.fusion),
        **depth_head_inventory(config.head, stem_widths[-1]),
    }


def _stem_inventory(name: str, channels: int, widths: tuple[int, ...]) -> Inventory:
    tensors: Inventory = {}
    for number, (inputs, outputs) in enumerate(pairwise((channels, *widths))):
        tensors |= normalized_convolution(f"{name}.{2 * number}", outputs, inputs, 3)
    return tensors


def _mlp_inventory(block: str, width: int, hidden: int) -> Inventory:
    return _linear(f"{block}.mlp.fc1", hidden, width) | _linear(f"{block}.mlp.fc2", width, hidden)


def _linear(name: str, outputs: int, inputs: int) -> Inventory:
    return {f"{name}.weight": (outputs, inputs), **batch_norm(f"{name}.norm", outputs)}


DPT_LEVIT = Family(
    name="dpt_levit",
    title="DPT, LeViT",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=LeViTConfig,
    layouts={"original": ORIGINAL, "every block": EVERY_BLOCK},
    configure=_configure,
    tensors=_inventory,
    file_names=re.compile(r"levit", re.IGNORECASE),
    released=(
        Released(
            "dpt_levit_224",
            {"encoder.widths": (384, 512, 768), "encoder.heads": (6, 9, 12), "encoder.side": 14, "encoder.depths": (4, 4, 1)},
        ),
    ),
    settings={"taps": TAPS, **OUTPUT_SETTINGS},
)
