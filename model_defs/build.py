"""From a configuration to the network: the one place that says which parts a family is put together from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import nn

from model_defs.arithmetic import accelerate
from model_defs.config import SCALES, DPTConfig
from model_defs.dpt import HierarchicalDPT, HybridDPT, PlainDPT, RelativeDPT
from model_defs.dust3r import DensePoints, DUSt3R
from model_defs.encoder_config import (
    HYBRID_STRIDE,
    AttentionConfig,
    BEiTConfig,
    CroCoConfig,
    DINOv2Config,
    EfficientNetLiteConfig,
    HybridConfig,
    LeViTConfig,
    MemoryCompressedConfig,
    NextViTConfig,
    PerformerConfig,
    ResNeXtConfig,
    Swin2Config,
    SwinConfig,
    ViTConfig,
)
from model_defs.encoders.beit import BEiT
from model_defs.encoders.croco import TwoViewDecoder, ViewEmbedding, ViewEncoder
from model_defs.encoders.dinov2 import DINOv2
from model_defs.encoders.efficient_attention import MemoryCompressedAttention, PerformerAttention
from model_defs.encoders.efficientnet_lite import EfficientNetLite, EfficientNetLiteStem
from model_defs.encoders.levit import LeViT, LeViTStem
from model_defs.encoders.next_vit import NextViT, NextViTStem
from model_defs.encoders.resnetv2 import ResNetPatchEmbedding
from model_defs.encoders.resnext import ResNeXt, ResNeXtStem
from model_defs.encoders.swin import Swin
from model_defs.encoders.swin2 import Swin2
from model_defs.encoders.transformer import Attention
from model_defs.encoders.vit import ViT
from model_defs.fusion import FUSIONS, Fusion
from model_defs.head import DepthHead, DoublingDepthHead, SegmentationHead, UnalignedDepthHead
from model_defs.levit_dpt import LeViTDPT, TransposedStem
from model_defs.midas_v21_fusion import MidasV21Fusion
from model_defs.network import Network
from model_defs.next_vit_dpt import NextViTDPT
from model_defs.patch_embed import NormalizedPatchEmbedding, PatchEmbedding
from model_defs.posenc import POSITION_ENCODINGS, BicubicPositionEncoding, PositionEncoding
from model_defs.reassemble import REASSEMBLE_TOKENS, Reassemble, ReassembleMap


def build(config: DPTConfig) -> Network:
    """A network with the parts its encoder calls for; its weights are whatever torch makes them."""
    network = _BUILDERS[type(config.encoder)](config, config.encoder)
    accelerate(network)
    return network


def _vit(config: DPTConfig, encoder: ViTConfig) -> PlainDPT:
    return PlainDPT(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        posenc=PositionEncoding(encoder.width, encoder.grid),
        imgencoder=ViT(encoder, _attention(encoder.attention)),
        reassemble=_reassemble_tokens(config, encoder.width),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
        multiple=encoder.patch_size,
    )


def _beit(config: DPTConfig, encoder: BEiTConfig) -> RelativeDPT:
    return RelativeDPT(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        imgencoder=BEiT(encoder),
        reassemble=_reassemble_tokens(config, encoder.width),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
        multiple=encoder.patch_size,
    )


def _hybrid(config: DPTConfig, encoder: HybridConfig) -> HybridDPT:
    token_part = REASSEMBLE_TOKENS[config.reassemble.readout]
    map_widths = zip(encoder.stage_widths[:2], config.fusion.widths[:2], strict=True)
    maps = [ReassembleMap(width, fusion_width) for width, fusion_width in map_widths]
    token_widths = zip(SCALES[2:], config.reassemble.features, config.fusion.widths[2:], strict=True)
    tokens = [token_part(encoder.width, features, fusion_width, scale) for scale, features, fusion_width in token_widths]
    return HybridDPT(
        config,
        patch_embed=ResNetPatchEmbedding(config.image.channels, encoder),
        posenc=POSITION_ENCODINGS[encoder.positions](encoder.width, encoder.grid),
        imgencoder=ViT(encoder, _attention(encoder.attention)),
        reassemble=Reassemble([*maps, *tokens]),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
        multiple=HYBRID_STRIDE,
    )


def _attention(config: AttentionConfig) -> Callable[[int, int], nn.Module]:
    if isinstance(config, PerformerConfig):
        return partial(PerformerAttention, head_width=config.head_width, features=config.features)
    if isinstance(config, MemoryCompressedConfig):
        return partial(MemoryCompressedAttention, rate=config.rate)
    return Attention


def _dinov2(config: DPTConfig, encoder: DINOv2Config) -> PlainDPT:
    return PlainDPT(
        config,
        patch_embed=PatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        posenc=BicubicPositionEncoding(encoder.width, encoder.grid),
        imgencoder=DINOv2(encoder, _attention(encoder.attention)),
        reassemble=_reassemble_tokens(config, encoder.width),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
    )


def _resnext(config: DPTConfig, encoder: ResNeXtConfig) -> HierarchicalDPT:
    return HierarchicalDPT(
        config,
        patch_embed=ResNeXtStem(config.image.channels, encoder.stem_width),
        imgencoder=ResNeXt(encoder),
        reassemble=_reassemble_maps(config, encoder.widths),
        fusion=MidasV21Fusion(config.fusion),
        head=_head(config, config.fusion.widths[0]),
    )


def _efficientnet_lite(config: DPTConfig, encoder: EfficientNetLiteConfig) -> HierarchicalDPT:
    return HierarchicalDPT(
        config,
        patch_embed=EfficientNetLiteStem(config.image.channels, encoder.stem_width),
        imgencoder=EfficientNetLite(encoder),
        reassemble=_reassemble_maps(config, [encoder.widths[stage] for stage in encoder.taps]),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
    )


def _levit(config: DPTConfig, encoder: LeViTConfig) -> LeViTDPT:
    stem_widths = encoder.transposed_stem_widths
    return LeViTDPT(
        config,
        patch_embed=LeViTStem(config.image.channels, encoder.stem_widths),
        imgencoder=LeViT(encoder),
        reassemble=_reassemble_maps(config, encoder.widths),
        fusion=_fusion(config),
        transposed_stem=TransposedStem(config.fusion.widths[0], stem_widths),
        head=_head(config, stem_widths[-1]),
    )


def _next_vit(config: DPTConfig, encoder: NextViTConfig) -> NextViTDPT:
    return NextViTDPT(
        config,
        patch_embed=NextViTStem(config.image.channels, encoder.stem_widths),
        imgencoder=NextViT(encoder),
        reassemble=_reassemble_maps(config, encoder.handed_on),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
        multiple=4,  # the stem's stride; later maps may have odd sides
    )


def _swin(config: DPTConfig, encoder: SwinConfig | Swin2Config) -> HierarchicalDPT:
    return HierarchicalDPT(
        config,
        patch_embed=NormalizedPatchEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        imgencoder=Swin(encoder) if isinstance(encoder, SwinConfig) else Swin2(encoder),
        reassemble=_reassemble_maps(config, [encoder.width << stage for stage in range(len(encoder.depths))]),
        fusion=_fusion(config),
        head=_head(config, config.fusion.widths[0]),
    )


def _croco(config: DPTConfig, encoder: CroCoConfig) -> DUSt3R:
    return DUSt3R(
        config,
        patch_embed=ViewEmbedding(config.image.channels, encoder.width, encoder.patch_size),
        imgencoder=ViewEncoder(encoder),
        decoder=TwoViewDecoder(encoder),
        views=nn.ModuleDict({view: _points(config, encoder) for view in ("first", "second")}),
    )


def _points(config: DPTConfig, encoder: CroCoConfig) -> DensePoints:
    part = REASSEMBLE_TOKENS[config.reassemble.readout]
    tapped = [encoder.decoder_width if tap else encoder.width for tap in encoder.taps]
    widths = zip(tapped, config.reassemble.features, config.fusion.widths, SCALES, strict=True)
    return DensePoints(Reassemble([part(*each) for each in widths]), _fusion(config), _head(config, config.fusion.widths[0]))


def _reassemble_maps(config: DPTConfig, widths: Iterable[int]) -> Reassemble:
    pairs = zip(widths, config.fusion.widths, strict=True)
    return Reassemble([ReassembleMap(width, fusion_width) for width, fusion_width in pairs])


def _reassemble_tokens(config: DPTConfig, width: int) -> Reassemble:
    part = REASSEMBLE_TOKENS[config.reassemble.readout]
    widths = zip(SCALES, config.reassemble.features, config.fusion.widths, strict=True)
    return Reassemble([part(width, features, fusion_width, scale) for scale, features, fusion_width in widths])


def _fusion(config: DPTConfig) -> Fusion:
    return FUSIONS[config.fusion.resize](config.fusion)


def _head(config: DPTConfig, width: int) -> nn.Module:
    if config.head.kind == "segmentation":
        return SegmentationHead(width, config.head)
    head = {"to image": DepthHead, "double": DoublingDepthHead, "double unaligned": UnalignedDepthHead}[config.head.resize]
    return head(width, config.head, config.output)


_BUILDERS: dict[type, Callable[[DPTConfig, Any], Network]] = {
    ViTConfig: _vit,
    BEiTConfig: _beit,
    HybridConfig: _hybrid,
    DINOv2Config: _dinov2,
    ResNeXtConfig: _resnext,
    EfficientNetLiteConfig: _efficientnet_lite,
    SwinConfig: _swin,
    Swin2Config: _swin,
    LeViTConfig: _levit,
    NextViTConfig: _next_vit,
    CroCoConfig: _croco,
}
