"""CroCo's two-view transformer under DPT's decoder as tables and as a configuration: what DUSt3R and those built on it have alike."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_defs.config import CroCoConfig, DPTConfig, HeadConfig, ImageConfig, OutputConfig, ReassembleConfig
from muggle_convert.checkpoints import shown
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.decoder import compose_fusion, enlarged, scratch
from muggle_convert.families.shared.evidence import Evidence, Source, Told
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import HEADS, Setting, on_encoder, whole_number
from muggle_convert.rules import Row, convolution, duplicate, each, linear, norm, optional, unused
from muggle_convert.rules.sizes import Fields, Size


def _tapped(encoder: CroCoConfig, fields: Fields) -> int:
    """The first tap is what the encoder gives, the others are what blocks of the decoder do."""
    return encoder.decoder_width if encoder.taps[fields["s"]] else encoder.width


def _block(block: str, here: str, mlp_norm: str, width: Size, mlp_width: Size) -> tuple[Row, ...]:
    """What blocks of the encoder and of the decoder have alike."""
    return (
        *norm(f"{block}.norm1", f"{here}.norm1", width),
        *linear(f"{block}.attn.qkv", f"{here}.attn.qkv", f"3*{width}", width),
        *linear(f"{block}.attn.proj", f"{here}.attn.proj", width, width),
        *norm(f"{block}.{mlp_norm}", f"{here}.{mlp_norm}", width),
        *linear(f"{block}.mlp.fc1", f"{here}.mlp.fc1", mlp_width, width),
        *linear(f"{block}.mlp.fc2", f"{here}.mlp.fc2", width, mlp_width),
    )


def _decoder(block: str, here: str) -> Row:
    width, queries = "decoder_width", "cross_attn.{m:projq|projk|projv|proj}"
    return each(
        "n",
        "decoder_depth",
        _block(block, here, "norm3", width, "decoder_mlp_width"),
        norm(f"{block}.norm2", f"{here}.norm2", width),
        norm(f"{block}.norm_y", f"{here}.norm_other", width),
        linear(f"{block}.{queries}", f"{here}.cross_attn.{{m:queries|keys|values|proj}}", width, width),
    )


TWO_VIEWS: tuple[Row, ...] = (
    *convolution("patch_embed.proj", "patch_embed.proj", "width", "image.channels", "patch_size"),
    each("n", "depth", _block("enc_blocks.{n}", "imgencoder.blocks.{n}", "norm2", "width", "mlp_width")),
    *norm("enc_norm", "imgencoder.norm", "width"),
    *linear("decoder_embed", "decoder.embed", "decoder_width", "width"),
    _decoder("dec_blocks.{n}", "decoder.first.{n}"),
    optional("two_decoders", _decoder("dec_blocks2.{n}", "decoder.second.{n}")),
    *norm("dec_norm", "decoder.norm", "decoder_width"),
    unused("mask_token", "patches were only hidden in the encoder's first training"),
)
# Of each view's head all but its last convolutions, under `dpt.`
REASSEMBLED: tuple[Row, ...] = (
    each("s", 4, convolution("act_postprocess.{s}.0", "reassemble.{s:scale}.resample.0", "reassemble.features[s]", _tapped, 1)),
    *enlarged("act_postprocess.{s}.1"),
    *scratch("reassemble.features[s]"),
    duplicate("scratch.layer_rn.{s}.weight", same_as="scratch.layer{s+1}_rn.weight"),
    duplicate("act_{s+1}_postprocess.{i}.{p:parameter}", same_as="act_postprocess.{s}.{i}.{p:parameter}"),
)


def compose_two_views(reading: Reading, told: Mapping[str, Told[Any]], head: HeadConfig, kind: Any = "points") -> DPTConfig:
    """Everything around a head; `told` is what its training tells."""
    readout = reading.note("reassemble.readout", "none", Source.SHAPE, "no tensor is a class token")
    return DPTConfig(
        family=reading.family,
        encoder=_encoder(reading, told),
        reassemble=reading.compose(ReassembleConfig, "reassemble", readout=readout),
        fusion=compose_fusion(reading, "double and crop"),
        head=head,
        image=_image(reading, told),
        output=_output(reading, told, kind),
    )


def _encoder(reading: Reading, told: Mapping[str, Told[Any]]) -> CroCoConfig:
    taps = tuple(reading.value("encoder.decoder_depth") * quarters // 4 for quarters in (0, 2, 3, 4))
    why = "the encoder's output, and the decoder's after a half, three quarters and all of it"
    if not reading.value("encoder.two_decoders"):
        reading.note("encoder.two_decoders", False, Source.SHAPE, "there is no dec_blocks2: the second decoder is the first")
    return reading.compose(
        CroCoConfig,
        "encoder",
        heads=_heads(reading, told, "heads", "enc_num_heads", reading.value("encoder.width")),
        decoder_heads=_heads(reading, told, "decoder_heads", "dec_num_heads", reading.value("encoder.decoder_width")),
        rotation_base=_rotation_base(reading, told),
        taps=reading.convention("encoder.taps", taps, why),
    )


def _heads(reading: Reading, told: Mapping[str, Told[Any]], key: str, trained: str, width: int) -> int:
    path = f"encoder.{key}"
    heads = reading.convention(path, width // 64, "64 features for each head")
    if (stated := reading.told(key, HEADS)) is not None:
        heads = reading.heard(stated, path, stated.value)
    elif trained in told:
        heads = reading.heard(told[trained], path, whole_number(told[trained].value))
    if heads < 1 or width % (4 * heads):
        raise Refusal(
            f"{reading.file} has {width} features, which {heads} heads with pairs of channels for rows and for columns cannot share: "
            f"pass --set {key}=NUMBER."
        )
    return heads


def _rotation_base(reading: Reading, told: Mapping[str, Told[Any]]) -> float:
    positions = told.get("pos_embed")
    if positions is None:
        return reading.convention("encoder.rotation_base", 100.0, "every released model was trained with RoPE100")
    if not (base := re.fullmatch(r"RoPE(\d+)", str(positions.value))) or not float(base[1]):
        raise Refusal(
            f"{reading.file} was trained with pos_embed={shown(positions.value)}; positions that are rotations, such as RoPE100, are needed."
        )
    return reading.heard(positions, "encoder.rotation_base", float(base[1]))


def _image(reading: Reading, told: Mapping[str, Told[Any]]) -> ImageConfig:
    channels = reading.value("image.channels")
    multiple = reading.measure("image.multiple", "patch_embed.proj.weight", lambda shape: shape[2])
    size = reading.convention("image.size", 512, "the released models with DPT heads were trained with a long side of 512")
    if "img_size" in told:
        size = reading.heard(told["img_size"], "image.size", max(map(whole_number, told["img_size"].value)))
    image = ImageConfig(channels, size, True, "at most", multiple, (0.5,) * channels, (0.5,) * channels)
    return reading.rest(
        "image", image, Source.CONVENTION, "how these models were trained: mean and standard deviation one half, the long side at that size"
    )


def _output(reading: Reading, told: Mapping[str, Told[Any]], kind: Any) -> OutputConfig:
    why = Evidence(Source.CONVENTION, "how every released model makes points and confidences")
    for key, known in {"depth_mode": ("exp", -math.inf, math.inf), "conf_mode": ("exp", 1, math.inf)}.items():
        check_training(reading, told, key, known)
        why = told[key].evidence if key in told else why
    return reading.rest("output", OutputConfig(kind=kind, activation="exp"), why.source, why.detail)


def check_training(reading: Reading, told: Mapping[str, Told[Any]], key: str, known: Any) -> None:
    """Refuse a file that was trained to do something else than this version knows."""
    if key in told and (tuple(told[key].value) if isinstance(known, tuple) else told[key].value) != known:
        raise Refusal(f"{reading.file} was trained with {key}={shown(told[key].value)}; this version knows {key}={known!r}.")


def _apply_heads(encoder: CroCoConfig, heads: int) -> CroCoConfig:
    _check_heads("heads", heads, encoder.width)
    return replace(encoder, heads=heads)


def _apply_decoder_heads(encoder: CroCoConfig, heads: int) -> CroCoConfig:
    _check_heads("decoder_heads", heads, encoder.decoder_width)
    return replace(encoder, decoder_heads=heads)


def _check_heads(key: str, heads: int, width: int) -> None:
    if width % (4 * heads):
        raise Refusal(f"{key}={heads} does not fit: {width} features cannot be shared out among so many heads.")


SETTINGS = {
    "heads": Setting(HEADS.meaning, HEADS.parse, on_encoder(_apply_heads)),
    "decoder_heads": Setting("the same for the decoder's blocks", HEADS.parse, on_encoder(_apply_decoder_heads)),
}
FULL = {"encoder.width": 1024, "encoder.depth": 24, "encoder.decoder_width": 768, "encoder.decoder_depth": 12, "image.size": 512}
