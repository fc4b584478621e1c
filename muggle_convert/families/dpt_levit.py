"""DPT with LeViT: three maps, and a stem turned around between fusion and head."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from model_defs.config import DPTConfig, ImageConfig, LeViTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import (
    CLASSIFIER,
    depth_head,
    scratch,
)
from muggle_convert.families.shared.evidence import Contradiction, Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import OUTPUT_SETTINGS, compose_from_maps
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import Setting, on_encoder, whole_numbers
from muggle_convert.rules import Row, RuleSet, Shape, batch_norm, derivable, each, normalized_convolution, tensor, unused, where
from muggle_convert.rules.sizes import Fields, Size

if TYPE_CHECKING:
    import numpy as np

# The original counts every attention and every MLP; a block here is one of each.
KNOWN_TAPS = (1, 5, 10)  # the MLPs that the original counts as 3, 11 and 21
LARGEST_SIDE = 56  # of a map whose indices are compared with stored ones; released models have 24
FIRST_UNREAD = 22


def _shrinking(encoder: LeViTConfig) -> tuple[int, int]:
    """The two blocks between the stages."""
    return encoder.depths[0], encoder.depths[0] + 1 + encoder.depths[1]


def _count(encoder: LeViTConfig, fields: Fields) -> int:
    return sum(encoder.depths) + 2


def _shrinks(encoder: LeViTConfig, fields: Fields) -> bool:
    return fields["b"] in _shrinking(encoder)


def _stays(encoder: LeViTConfig, fields: Fields) -> bool:
    return not _shrinks(encoder, fields)


def _stage(encoder: LeViTConfig, fields: Fields) -> int:
    """The stage of a block; one that shrinks the map belongs to the stage before."""
    return sum(fields["b"] > shrinking for shrinking in _shrinking(encoder))


def _side(encoder: LeViTConfig, block: int) -> int:
    """Rows and columns of the map a block works on, which each shrinking block before it has halved."""
    side = encoder.side
    for shrinking in _shrinking(encoder):
        side = (side + 1) // 2 if block > shrinking else side
    return side


# Sizes of a block's layers: those of its stage, or of the shrinking block after its stage.


def _heads(encoder: LeViTConfig, fields: Fields) -> int:
    return (encoder.shrinking_heads if _shrinks(encoder, fields) else encoder.heads)[_stage(encoder, fields)]


def _keys(encoder: LeViTConfig, fields: Fields) -> int:
    widths = encoder.shrinking_key_widths if _shrinks(encoder, fields) else encoder.key_widths
    return _heads(encoder, fields) * widths[_stage(encoder, fields)]


def _values(encoder: LeViTConfig, fields: Fields) -> int:
    widths = encoder.shrinking_value_widths if _shrinks(encoder, fields) else encoder.value_widths
    return _heads(encoder, fields) * widths[_stage(encoder, fields)]


def _all_three(encoder: LeViTConfig, fields: Fields) -> int:
    return 2 * _keys(encoder, fields) + _values(encoder, fields)


def _keys_and_values(encoder: LeViTConfig, fields: Fields) -> int:
    return _keys(encoder, fields) + _values(encoder, fields)


def _inputs(encoder: LeViTConfig, fields: Fields) -> int:
    return encoder.widths[_stage(encoder, fields)]


def _outputs(encoder: LeViTConfig, fields: Fields) -> int:
    return encoder.widths[_stage(encoder, fields) + _shrinks(encoder, fields)]


def _hidden(encoder: LeViTConfig, fields: Fields) -> int:
    widths = encoder.shrinking_mlp_widths if _shrinks(encoder, fields) else encoder.mlp_widths
    return widths[_stage(encoder, fields)]


def _places(encoder: LeViTConfig, fields: Fields) -> int:
    return _side(encoder, fields["b"]) ** 2


def _normalized_linear(original: str, here: str, outputs: Size, inputs: Size) -> tuple[Row, ...]:
    return (tensor(f"{original}.c.weight", f"{here}.weight", outputs, inputs), *batch_norm(f"{original}.bn", f"{here}.norm", outputs))


def _blocks(attention: str, mlp: str) -> Row:
    """Under names that count attentions and MLPs, each in its own way."""
    attention, mlp, here = f"pretrained.model.blocks.{attention}", f"pretrained.model.blocks.{mlp}", "imgencoder.blocks.{b}"
    return each(
        "b",
        _count,
        where(
            _stays,
            tensor(attention + ".m.attention_biases", here + ".attn.distance_bias", _heads, _places),
            _normalized_linear(attention + ".m.qkv", here + ".attn.qkv", _all_three, _inputs),
            _normalized_linear(attention + ".m.proj.1", here + ".attn.proj", _inputs, _values),
        ),
        where(
            _shrinks,
            tensor(attention + ".attention_biases", here + ".shrink.distance_bias", _heads, _places),
            _normalized_linear(attention + ".q.1", here + ".shrink.q", _keys, _inputs),
            _normalized_linear(attention + ".kv", here + ".shrink.kv", _keys_and_values, _inputs),
            _normalized_linear(attention + ".proj.1", here + ".shrink.proj", _outputs, _values),
        ),
        _normalized_linear(mlp + ".m.0", here + ".mlp.fc1", _hidden, _outputs),
        _normalized_linear(mlp + ".m.2", here + ".mlp.fc2", _outputs, _hidden),
    )


def _derive_index(config: Any, fields: Mapping[str, int], step: int = 1) -> np.ndarray[Any, Any]:
    """Which entry of the biases is for which query and key, the queries `step` places apart."""
    import numpy as np

    places = np.arange(_side(config.encoder, fields["n"] // 2))
    if len(places) > LARGEST_SIDE:
        raise Refusal(
            f"its maps of {len(places)} x {len(places)} make indices of {len(places) ** 4:,} elements, which are not compared with stored ones; leave "
            "those out with --drop 'pretrained.model.blocks.{n}.m.attention_bias_idxs' and what else there is of their kind."
        )
    apart = np.abs(places[::step, None] - places)
    index: np.ndarray[Any, Any] = len(places) * apart[:, None, :, None] + apart[None, :, None, :]
    return index.reshape(apart.shape[0] ** 2, len(places) ** 2)


def _stem_layer(number: int) -> tuple[Row, ...]:
    names = f"pretrained.model.patch_embed.{2 * number}.c", f"pretrained.model.patch_embed.{2 * number}.bn", f"patch_embed.{2 * number}"
    inputs = f"stem_widths[{number - 1}]" if number else "image.channels"
    return normalized_convolution(*names, f"stem_widths[{number}]", inputs, 3)


def _transposed_layer(number: int) -> tuple[Row, ...]:
    original, here = f"scratch.stem_transpose.{2 * number}", f"transposed_stem.{2 * number}"
    inputs = f"transposed_stem_widths[{number - 1}]" if number else "fusion.widths[0]"
    outputs = f"transposed_stem_widths[{number}]"
    return (tensor(f"{original}.c.weight", f"{here}.weight", inputs, outputs, 3, 3), *batch_norm(f"{original}.bn", f"{here}.norm", outputs))


def _last_width(encoder: LeViTConfig, fields: Fields) -> int:
    return encoder.transposed_stem_widths[-1]


_ENDS: tuple[Any, ...] = (
    *map(_stem_layer, range(4)),
    scratch("widths[s]", scales=3),
    *map(_transposed_layer, range(2)),
    depth_head("scratch.output_conv.0", "scratch.output_conv.2", "scratch.output_conv.4", _last_width),
)
_INDEX = "the index follows from the size of the map"
_DROPS = (
    derivable("pretrained.model.blocks.{n}.m.attention_bias_idxs", _INDEX, _derive_index),
    derivable("pretrained.model.blocks.{n}.attention_bias_idxs", _INDEX, partial(_derive_index, step=2)),
    unused("pretrained.model.{h:head|head_dist}.bn.{p:batch_norm}", CLASSIFIER),
    unused("pretrained.model.{h:head|head_dist}.l.{p:parameter}", CLASSIFIER),
)
_AFTER_LAST_TAP = f"only {CLASSIFIER} reads blocks after the last tap"
_UNREAD = f"pretrained.model.blocks.{{n+{FIRST_UNREAD}}}.m."
_UNREAD_DROPS = (
    unused(_UNREAD + "attention_biases", _AFTER_LAST_TAP),
    unused(_UNREAD + "{l:qkv|proj.1|0|2}.c.weight", _AFTER_LAST_TAP),
    unused(_UNREAD + "{l:qkv|proj.1|0|2}.bn.{p:batch_norm}", _AFTER_LAST_TAP),
)
_ATTENTIONS, _MLPS = ("|".join(map(str, range(first, FIRST_UNREAD, 2))) for first in (0, 1))

ORIGINAL = RuleSet(_blocks(f"{{b:{_ATTENTIONS}}}", f"{{b:{_MLPS}}}"), _ENDS, _DROPS, _UNREAD_DROPS)
EVERY_BLOCK = RuleSet(_blocks("{2*b}", "{2*b+1}"), _ENDS, _DROPS)


def _apply_taps(encoder: LeViTConfig, hooks: tuple[int, ...]) -> LeViTConfig:
    return replace(encoder, taps=_tapped(hooks, _stages(_shrinking(encoder), sum(encoder.depths) + 2)))


def _tapped(hooks: tuple[int, ...], stages: Sequence[range]) -> tuple[int, ...]:
    """The blocks of MLPs, as the original counts, refused where there is not one of each stage."""
    if len(hooks) != 3 or any(hook % 2 == 0 or hook // 2 not in stage for hook, stage in zip(hooks, stages, strict=True)):
        possible = "; ".join(", ".join(str(2 * block + 1) for block in stage) for stage in stages)
        raise Refusal(f"taps {','.join(map(str, hooks))} do not fit: one is needed of each of {possible}, the MLPs of the three stages.")
    return tuple(hook // 2 for hook in hooks)


TAPS = Setting("the three MLPs whose outputs are used, as the original counts, such as 3,11,21", whole_numbers, on_encoder(_apply_taps))


def _configure(reading: Reading) -> DPTConfig:
    encoder = _encoder(reading)
    return compose_from_maps(reading, encoder, _image(reading, encoder.side))


def _encoder(reading: Reading) -> LeViTConfig:
    """Blocks are numbered through the stages, and which of them shrink the map decides what their sizes are sizes of."""
    count = reading.count("imgencoder.blocks.{n}.mlp.fc1.weight")
    shrinking = [number for number in range(count) if reading.has(f"imgencoder.blocks.{number}.shrink.kv.weight")]
    stages = _stages(shrinking, count)
    if len(shrinking) != 2 or not all(stages):
        raise Contradiction(f"{reading.looks} but not three stages with a shrinking block between each two.")
    blocks = [f"imgencoder.blocks.{stage[0]}" for stage in stages]
    between = [f"imgencoder.blocks.{number}" for number in shrinking]
    heads = reading.measure_all("encoder.heads", [f"{block}.attn.distance_bias" for block in blocks], lambda shape: shape[0])
    few = reading.measure_all("encoder.shrinking_heads", [f"{block}.shrink.distance_bias" for block in between], lambda shape: shape[0])
    all_widths = _per_head(reading, "encoder.key_widths", [f"{block}.attn.qkv.weight" for block in blocks], heads, axis=0)
    value_widths = _per_head(reading, "encoder.value_widths", [f"{block}.attn.proj.weight" for block in blocks], heads, axis=1)
    key_widths = tuple((all_width - value_width) // 2 for all_width, value_width in zip(all_widths, value_widths, strict=True))
    if min(key_widths) < 1:
        raise Contradiction(f"{reading.looks} but its heads have no room for queries and keys.")
    why = f"blocks {shrinking[0]} and {shrinking[1]} shrink the map"
    queries, values = [f"{block}.shrink.q.weight" for block in between], [f"{block}.shrink.proj.weight" for block in between]
    mlps, between_mlps = [f"{block}.mlp.fc1.weight" for block in blocks], [f"{block}.mlp.fc1.weight" for block in between]
    return reading.compose(
        LeViTConfig,
        "encoder",
        side=reading.measure("encoder.side", f"{blocks[0]}.attn.distance_bias", lambda shape: math.isqrt(shape[1])),
        widths=reading.measure_all("encoder.widths", mlps, lambda shape: shape[1]),
        depths=reading.note("encoder.depths", tuple(map(len, stages)), Source.SHAPE, why),
        heads=heads,
        key_widths=key_widths,
        value_widths=value_widths,
        mlp_widths=reading.measure_all("encoder.mlp_widths", mlps, lambda shape: shape[0]),
        shrinking_heads=few,
        shrinking_key_widths=_per_head(reading, "encoder.shrinking_key_widths", queries, few, axis=0),
        shrinking_value_widths=_per_head(reading, "encoder.shrinking_value_widths", values, few, axis=1),
        shrinking_mlp_widths=reading.measure_all("encoder.shrinking_mlp_widths", between_mlps, lambda shape: shape[0]),
        taps=_taps(reading, stages),
    )


def _stages(shrinking: Sequence[int], count: int) -> list[range]:
    starts, ends = (0, *(number + 1 for number in shrinking)), (*shrinking, count)
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


def _per_head(reading: Reading, path: str, names: Sequence[str], heads: Sequence[int], axis: int) -> tuple[int, ...]:
    """All heads' channels, shared out among them."""

    def share(count: int, shape: Shape) -> int:
        return shape[axis] // count

    return tuple(reading.measure(path, name, partial(share, count)) for name, count in zip(names, heads, strict=True))


def _taps(reading: Reading, stages: Sequence[range]) -> tuple[int, ...]:
    """MiDaS's own three where each is in its stage; of other depths, the last of each stage, as with every other encoder with stages."""
    told = reading.told("taps", TAPS)
    known = all(tap in stage for tap, stage in zip(KNOWN_TAPS, stages, strict=True))
    if reading.stored(_UNREAD + "qkv.c.weight") and (max(told.value, default=0) >= FIRST_UNREAD if told is not None else not known):
        raise Contradiction(f"{reading.looks} but the original's blocks from {FIRST_UNREAD} on are read, too.")
    if told is not None:
        return reading.heard(told, "encoder.taps", _tapped(told.value, stages))
    if known:
        return reading.convention("encoder.taps", KNOWN_TAPS, "MiDaS taps what it counts as 3, 11 and 21")
    last = tuple(stage[-1] for stage in stages)
    return reading.note("encoder.taps", last, Source.ASSUMED, "the last block of each stage; --set taps=A,B,C would say otherwise")


def _image(reading: Reading, side: int) -> ImageConfig:
    channels = reading.value("image.channels")
    size = reading.note("image.size", 16 * side, Source.SHAPE, f"the stem's sixteenth of it is {side} x {side}, which the biases are for")
    image = ImageConfig(channels, size, False, "closest", 16, (0.5,) * channels, (0.5,) * channels)
    return reading.rest(
        "image", image, Source.CONVENTION, "how MiDaS was trained: mean and standard deviation one half; no other size fits"
    )


DPT_LEVIT = Family(
    name="dpt_levit",
    title="DPT, LeViT",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=LeViTConfig,
    layouts={"original": ORIGINAL, "every block": EVERY_BLOCK},
    configure=_configure,
    file_names=re.compile(r"levit", re.IGNORECASE),
    glance=Glance("blocks 3, 11, 21", "three maps as they are", "three levels, a transposed stem, doubling", "224 x 224"),
    released=(
        Released(
            "dpt_levit_224",
            {"encoder.widths": (384, 512, 768), "encoder.heads": (6, 9, 12), "encoder.side": 14, "encoder.depths": (4, 4, 1)},
        ),
    ),
    published=(of_midas("v3_1", "dpt_levit_224", 51),),
    settings={"taps": TAPS, **OUTPUT_SETTINGS},
)
