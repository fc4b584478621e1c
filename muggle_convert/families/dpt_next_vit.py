"""DPT with Next-ViT, whose blocks are numbered through all stages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

from model_defs.config import DPTConfig, ImageConfig, NextViTConfig
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import (
    CLASSIFIER,
    scratch,
)
from muggle_convert.families.shared.evidence import Contradiction, Source
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.midas import DEPTH_HEAD, OUTPUT_SETTINGS, compose_from_maps
from muggle_convert.families.shared.published import of_midas
from muggle_convert.families.shared.reading import Reading
from muggle_convert.rules import RuleSet, batch_norm, convolution, each, linear, normalized_convolution, stack, unused, where
from muggle_convert.rules.sizes import Fields

BLOCK, HERE = "pretrained.model.features.{n}", "imgencoder.blocks.{n}"


# What a block is and has, by its number.


def _count(encoder: NextViTConfig, fields: Fields) -> int:
    return sum(encoder.depths)


def _stage(encoder: NextViTConfig, fields: Fields) -> int:
    return sum(fields["n"] >= end for end in accumulate(encoder.depths))


def _is_transformer(encoder: NextViTConfig, fields: Fields) -> bool:
    return fields["n"] in encoder.transformers


def _is_plain(encoder: NextViTConfig, fields: Fields) -> bool:
    return not _is_transformer(encoder, fields)


def _outputs(encoder: NextViTConfig, fields: Fields) -> int:
    return (encoder.transformer_widths if _is_transformer(encoder, fields) else encoder.widths)[_stage(encoder, fields)]


def _inner(encoder: NextViTConfig, fields: Fields) -> int:
    """Channels that come from attention in a transformer block, and all channels in another."""
    return encoder.attention_widths[_stage(encoder, fields)] if _is_transformer(encoder, fields) else _outputs(encoder, fields)


def _both(encoder: NextViTConfig, fields: Fields) -> int:
    return 2 * _inner(encoder, fields)


def _near(encoder: NextViTConfig, fields: Fields) -> int:
    """Channels that come from convolutions."""
    return _outputs(encoder, fields) - _inner(encoder, fields) if _is_transformer(encoder, fields) else _outputs(encoder, fields)


def _inputs(encoder: NextViTConfig, fields: Fields) -> int:
    return _outputs(encoder, {**fields, "n": fields["n"] - 1}) if fields["n"] else encoder.stem_widths[-1]


def _hidden(encoder: NextViTConfig, fields: Fields) -> int:
    widths = encoder.transformer_mlp_widths if _is_transformer(encoder, fields) else encoder.mlp_widths
    return widths[_stage(encoder, fields)]


def _is_embedded(encoder: NextViTConfig, fields: Fields) -> bool:
    """Where the map is halved, or has other channels than the block works with."""
    starts = tuple(accumulate(encoder.depths))
    return fields["n"] in starts or _inputs(encoder, fields) != _inner(encoder, fields)


def _is_reembedded(encoder: NextViTConfig, fields: Fields) -> bool:
    return _near(encoder, fields) != _inner(encoder, fields)


def _reduces(encoder: NextViTConfig, fields: Fields) -> bool:
    return encoder.reductions[_stage(encoder, fields)] > 1


def _handed_on(encoder: NextViTConfig, fields: Fields) -> int:
    return encoder.handed_on[fields["s"]]


ORIGINAL = RuleSet(
    *(
        normalized_convolution(
            f"pretrained.model.stem.{number}.conv",
            f"pretrained.model.stem.{number}.norm",
            f"patch_embed.{2 * number}",
            f"stem_widths[{number}]",
            f"stem_widths[{number - 1}]" if number else "image.channels",
            3,
        )
        for number in range(4)
    ),
    each(
        "n",
        _count,
        where(
            _is_embedded,
            normalized_convolution(BLOCK + ".patch_embed.conv", BLOCK + ".patch_embed.norm", HERE + ".embed", _inner, _inputs, 1),
        ),
        where(
            _is_transformer,
            batch_norm(BLOCK + ".norm1", HERE + ".norm_attn", _inner),
            linear(BLOCK + ".e_mhsa.q", HERE + ".attn.q", _inner, _inner),
            stack((BLOCK + ".e_mhsa.k.weight", BLOCK + ".e_mhsa.v.weight"), HERE + ".attn.kv.weight", parts=(0, 1), sizes=(_both, _inner)),
            stack((BLOCK + ".e_mhsa.k.bias", BLOCK + ".e_mhsa.v.bias"), HERE + ".attn.kv.bias", parts=(0, 1), sizes=(_both,)),
            linear(BLOCK + ".e_mhsa.proj", HERE + ".attn.proj", _inner, _inner),
            where(_reduces, batch_norm(BLOCK + ".e_mhsa.norm", HERE + ".attn.reduce.1", _inner)),
            where(
                _is_reembedded,
                normalized_convolution(BLOCK + ".projection.conv", BLOCK + ".projection.norm", HERE + ".reembed", _near, _inner, 1),
            ),
            batch_norm(BLOCK + ".norm2", HERE + ".norm_mlp", _outputs),
        ),
        normalized_convolution(BLOCK + ".mhca.group_conv3x3", BLOCK + ".mhca.norm", HERE + ".mhca.group_conv", _near, "head_width", 3),
        convolution(BLOCK + ".mhca.projection", HERE + ".mhca.proj", _near, _near, 1, bias=False),
        where(_is_plain, batch_norm(BLOCK + ".norm", HERE + ".norm", _outputs)),
        convolution(BLOCK + ".mlp.conv1", HERE + ".mlp.conv1", _hidden, _outputs, 1),
        convolution(BLOCK + ".mlp.conv2", HERE + ".mlp.conv2", _outputs, _hidden, 1),
    ),
    unused("pretrained.model.norm.{p:batch_norm}", "only a classifier has a norm after the last block"),
    unused("pretrained.model.proj_head.0.{p:parameter}", CLASSIFIER),
    scratch(_handed_on),
    DEPTH_HEAD,
)

REDUCTIONS = (8, 4, 2, 1)


def _configure(reading: Reading) -> DPTConfig:
    return compose_from_maps(reading, _encoder(reading), _image(reading))


def _encoder(reading: Reading) -> NextViTConfig:
    """Blocks are numbered through the stages; where those end and what kind a block is decides what its sizes are sizes of."""
    count = reading.count("imgencoder.blocks.{n}.mlp.conv1.weight")
    transformers = tuple(number for number in range(count) if reading.has(f"imgencoder.blocks.{number}.attn.q.weight"))
    stages = _stages(reading, count, transformers)
    ends = ", ".join(str(stage[-1]) for stage in stages)
    why = f"stages end with blocks {ends}, by which blocks begin with an embedding and which reduce what attention sees"
    plain = [next((number for number in stage if number not in transformers), None) for stage in stages]
    mixed = [next((number for number in stage if number in transformers), None) for stage in stages]
    encoder = reading.compose(
        NextViTConfig,
        "encoder",
        depths=reading.note("encoder.depths", tuple(map(len, stages)), Source.SHAPE, why),
        transformers=reading.note("encoder.transformers", transformers, Source.SHAPE, "these blocks have attention, the others have none"),
        widths=_widths(reading, "encoder.widths", plain, "mlp.conv2.weight"),
        mlp_widths=_widths(reading, "encoder.mlp_widths", plain, "mlp.conv1.weight"),
        transformer_widths=_widths(reading, "encoder.transformer_widths", mixed, "mlp.conv2.weight"),
        attention_widths=_widths(reading, "encoder.attention_widths", mixed, "attn.q.weight"),
        transformer_mlp_widths=_widths(reading, "encoder.transformer_mlp_widths", mixed, "mlp.conv1.weight"),
        reductions=reading.convention("encoder.reductions", REDUCTIONS, "Next-ViT's own; the last stage has no norm for reduced tokens"),
    )
    _check_heads(reading, encoder)
    return encoder


def _stages(reading: Reading, count: int, transformers: Sequence[int]) -> list[range]:
    """The first stage ends before the first map is halved; each other stage ends with a transformer block, the last one's reducing nothing."""
    embedded = [number for number in range(1, count) if reading.has(f"imgencoder.blocks.{number}.embed.weight")]
    reducing = [number for number in transformers if reading.has(f"imgencoder.blocks.{number}.attn.reduce.1.weight")]
    if not embedded or len(reducing) < 2 or transformers[-1] != count - 1 or transformers[-1] == reducing[-1] or embedded[0] > reducing[0]:
        raise Contradiction(f"{reading.looks} but its blocks are not those of four stages, of which three end with attention.")
    ends = [embedded[0], reducing[0] + 1, reducing[-1] + 1, count]
    return [range(start, end) for start, end in pairwise([0, *ends])]


def _widths(reading: Reading, path: str, blocks: Sequence[int | None], layer: str) -> tuple[int, ...]:
    """What a layer gives in one block of each stage; zero where the stage has no such block."""
    names = [None if block is None else f"imgencoder.blocks.{block}.{layer}" for block in blocks]
    present = [name for name in names if name is not None]
    measured = iter(reading.measure_all(path, present, lambda shape: shape[0]) if present else ())
    return tuple(0 if name is None else next(measured) for name in names)


def _check_heads(reading: Reading, encoder: NextViTConfig) -> None:
    near = [outer - inner for outer, inner in zip(encoder.transformer_widths, encoder.attention_widths, strict=True)]
    for width in (*encoder.widths, *encoder.attention_widths, *near):
        if width < 0 or not encoder.head_width or width % encoder.head_width:
            raise Contradiction(f"{reading.looks} but {width} features are no whole number of heads of {encoder.head_width}.")


def _image(reading: Reading) -> ImageConfig:
    channels = reading.value("image.channels")
    image = ImageConfig(channels, 384, True, "closest", 32, (0.5,) * channels, (0.5,) * channels)
    return reading.rest(
        "image", image, Source.CONVENTION, "how MiDaS was trained: mean and standard deviation one half, sides in steps of 32"
    )


DPT_NEXT_VIT = Family(
    name="dpt_next_vit",
    title="DPT, Next-ViT",
    citations=(papers.MIDAS_V31, papers.MIDAS, papers.DPT),
    encoder=NextViTConfig,
    layouts={"original": ORIGINAL},
    configure=_configure,
    file_names=re.compile(r"next[_-]?vit", re.IGNORECASE),
    glance=Glance("the end of each stage", "maps as they are", "to the next map's size; doubling", "384, closest, multiples of 32"),
    released=(Released("dpt_next_vit_large_384", {"encoder.depths": (3, 4, 30, 3), "encoder.widths": (96, 192, 384, 768)}),),
    published=(of_midas("v3_1", "dpt_next_vit_large_384", 72),),
    settings=OUTPUT_SETTINGS,
)
