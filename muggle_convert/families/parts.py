"""What several families share: the tensors of common layers, and the decoder's names, tensors and configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from model_defs.config import SCALES, DPTConfig, FusionConfig, FusionResize, HeadConfig, HeadResize, ReassembleConfig
from muggle_convert.families.evidence import Findings, Source
from muggle_convert.families.family import Reading
from muggle_convert.rules import Drop, Rule, Shape, rename, unused

Inventory = dict[str, Shape]
CLASSIFIER = "the classifier of the encoder's own training"  # why many files hold more than a network for depth reads


def linear(name: str, outputs: int, inputs: int) -> Inventory:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, width: int) -> Inventory:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def batch_norm(name: str, width: int) -> Inventory:
    statistics = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.num_batches_tracked": ()}
    return {**norm(name, width), **statistics}


def convolution(name: str, outputs: int, inputs: int, kernel: int, bias: bool = True) -> Inventory:
    weight: Inventory = {f"{name}.weight": (outputs, inputs, kernel, kernel)}
    return {**weight, f"{name}.bias": (outputs,)} if bias else weight


def normalized_convolution(name: str, outputs: int, inputs: int, kernel: int) -> Inventory:
    """A convolution whose bias the batch norm after it makes superfluous."""
    return {**convolution(name, outputs, inputs, kernel, bias=False), **batch_norm(f"{name}.norm", outputs)}


def fusion_rules(prefix: str = "", coarsest: int = 4) -> tuple[Rule, ...]:
    """`scratch.layer1_rn` and `scratch.refinenet1` of the originals, whose numbers begin with one at the finest scale."""
    refinenet = prefix + "scratch.refinenet"
    finer = "|".join(map(str, range(1, coarsest)))
    joined, refined = "fusion.blocks.{n}.conv_reassembly", "fusion.blocks.{n}.scale_proj_seq.0"
    return (
        rename(prefix + "scratch.layer{s+1}_rn.weight", "reassemble.{s:scale}.fuse_proj.weight"),
        rename(refinenet + f"{{n:{finer}}}" + ".resConfUnit1.conv{i+1}.{p:parameter}", joined + ".resconv_seq.{2*i+1}.{p:parameter}"),
        rename(refinenet + f"{{n:{finer}}}" + ".resConfUnit1.bn{i+1}.{p:batch_norm}", joined + ".resconv_seq.{2*i+1}.norm.{p:batch_norm}"),
        rename(refinenet + "{n+1}.resConfUnit2.conv{i+1}.{p:parameter}", refined + ".resconv_seq.{2*i+1}.{p:parameter}"),
        rename(refinenet + "{n+1}.resConfUnit2.bn{i+1}.{p:batch_norm}", refined + ".resconv_seq.{2*i+1}.norm.{p:batch_norm}"),
        rename(refinenet + "{n+1}.out_conv.{p:parameter}", "fusion.blocks.{n}.scale_proj_seq.2.{p:parameter}"),
    )


def fusion_drops(prefix: str = "", coarsest: int = 4) -> tuple[Drop, ...]:
    reason = "the coarsest fusion block has no path to join, so this unit never runs"
    unit = f"{prefix}scratch.refinenet{coarsest}.resConfUnit1."
    return unused(unit + "conv{i+1}.{p:parameter}", reason), unused(unit + "bn{i+1}.{p:batch_norm}", reason)


def fusion_owned(config: DPTConfig, prefix: str = "") -> Inventory:
    """What a model of an original owns of that."""
    unit, width = prefix + "scratch.refinenet4.resConfUnit1", config.fusion.widths[-1]
    tensors: Inventory = {}
    for number in (1, 2):
        tensors |= convolution(f"{unit}.conv{number}", width, width, 3, bias=config.fusion.bias)
        tensors |= batch_norm(f"{unit}.bn{number}", width) if config.fusion.batch_norm else {}
    return tensors


def token_reassembly(name: str, width: int, features: int, fusion_width: int, readout: str) -> Inventory:
    """The tensors of one scale that is made from tokens."""
    kernel = {"spatial_upx4": 4, "spatial_upx2": 2, "spatial_noscale": 0, "spatial_downx2": 3}[name]
    return {
        **(linear(f"reassemble.{name}.readout_proj", width, 2 * width) if readout == "project" else {}),
        **convolution(f"reassemble.{name}.resample.0", features, width, 1),
        **(convolution(f"reassemble.{name}.resample.1", features, features, kernel) if kernel else {}),
        **convolution(f"reassemble.{name}.fuse_proj", fusion_width, features, 3, bias=False),
    }


def token_reassembly_of(config: DPTConfig, width: int) -> Inventory:
    """The tensors of all four scales where every scale is made from tokens."""
    tensors: Inventory = {}
    for name, features, fusion_width in zip(SCALES, config.reassemble.features, config.fusion.widths, strict=True):
        tensors.update(token_reassembly(name, width, features, fusion_width, config.reassemble.readout))
    return tensors


def map_reassembly_of(config: DPTConfig, widths: Sequence[int]) -> Inventory:
    """The tensors of the scales, finest first, where the encoder hands over maps."""
    tensors: Inventory = {}
    count = len(widths)  # a hybrid has maps at the two finer scales only
    for name, width, fusion_width in zip(SCALES[:count], widths, config.fusion.widths[:count], strict=True):
        tensors.update(convolution(f"reassemble.{name}.fuse_proj", fusion_width, width, 3, bias=False))
    return tensors


def fusion_inventory(fusion: FusionConfig) -> Inventory:
    tensors: Inventory = {}
    for number, width in enumerate(fusion.widths):
        tensors |= residual_inventory(fusion, number)
        tensors |= convolution(f"fusion.blocks.{number}.scale_proj_seq.2", fusion.widths[max(number - 1, 0)], width, 1)
    return tensors


def residual_inventory(fusion: FusionConfig, number: int) -> Inventory:
    """The tensors of one block's residual units: one on the path it joins, where it does, and one on their sum."""
    block, width, tensors = f"fusion.blocks.{number}", fusion.widths[number], Inventory()
    joins = number < len(fusion.widths) - 1
    for unit in [f"{block}.scale_proj_seq.0"] + ([f"{block}.conv_reassembly"] if joins else []):
        for layer in (f"{unit}.resconv_seq.1", f"{unit}.resconv_seq.3"):
            tensors |= convolution(layer, width, width, 3, bias=fusion.bias)
            tensors |= batch_norm(f"{layer}.norm", width) if fusion.batch_norm else {}
    return tensors


def depth_head_inventory(head: HeadConfig, fusion_width: int) -> Inventory:
    return {
        **convolution("head.spatial_upsampler.0", head.upsampler_width, fusion_width, 3),
        **convolution("head.proj_1ch.0", head.projection_width, head.upsampler_width, 3),
        **convolution("head.proj_1ch.2", head.channels, head.projection_width, 1),
    }


def read_fusion(reading: Reading, findings: Findings, resize: FusionResize, scales: Sequence[str] = SCALES) -> FusionConfig:
    """Widths from the projection into each block, batch norm and bias from whether there is any."""
    tensors = [f"reassemble.{name}.fuse_proj.weight" for name in scales]
    widths = reading.measure_all(findings, "fusion.widths", tensors, lambda shape: shape[0])
    unit = f"fusion.blocks.{len(widths) - 1}.scale_proj_seq.0.resconv_seq.1"
    return FusionConfig(
        widths=widths,
        resize=findings.convention("fusion.resize", resize, "how this family's code runs"),
        batch_norm=_presence(reading, findings, "fusion.batch_norm", f"{unit}.norm.weight"),
        bias=_presence(reading, findings, "fusion.bias", f"{unit}.bias"),
    )


def read_depth_head(reading: Reading, findings: Findings, resize: HeadResize) -> HeadConfig:
    first, last = "head.proj_1ch.0.weight", "head.proj_1ch.2.weight"
    return HeadConfig(
        kind=findings.note("head.kind", "depth", Source.SHAPE, reading.describe("head.spatial_upsampler.0.weight")),
        upsampler_width=reading.measure(findings, "head.upsampler_width", "head.spatial_upsampler.0.weight", lambda shape: shape[0]),
        projection_width=reading.measure(findings, "head.projection_width", first, lambda shape: shape[0]),
        channels=reading.measure(findings, "head.channels", last, lambda shape: shape[0]),
        resize=findings.convention("head.resize", resize, "how this family's code runs"),
    )


def read_reassembled_features(reading: Reading, findings: Findings, scales: Sequence[str] = SCALES) -> tuple[int, ...]:
    """Channels each scale's tokens are projected to, for the scales that are made from tokens."""
    tensors = [f"reassemble.{name}.resample.0.weight" for name in scales]
    return reading.measure_all(findings, "reassemble.features", tensors, lambda shape: shape[0])


def read_map_reassembly(findings: Findings) -> ReassembleConfig:
    """Of an encoder whose stages hand over maps: nothing to project, and no class token."""
    return findings.rest("reassemble", ReassembleConfig((), "ignore"), Source.SHAPE, "the stages hand over maps, and no class token")


def read_readout(reading: Reading, findings: Findings) -> Literal["ignore", "project"]:
    """`project` where there is something to project with; what else there may be, no tensor tells."""
    name = "reassemble.spatial_downx2.readout_proj.weight"
    if reading.has(name):
        return findings.note("reassemble.readout", "project", Source.SHAPE, reading.describe(name))
    return findings.note("reassemble.readout", "ignore", Source.SHAPE, f"there is no {reading.called(name)}")


def _presence(reading: Reading, findings: Findings, path: str, name: str) -> bool:
    if reading.has(name):
        return findings.note(path, True, Source.SHAPE, reading.describe(name))
    return findings.note(path, False, Source.SHAPE, f"there is no {reading.called(name)}")
