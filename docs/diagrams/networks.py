"""Released networks as `muggle-convert inspect --picture` draws them."""

from __future__ import annotations

from model_defs.config import (
    CroCoConfig,
    DepthHeadConfig,
    DINOv2Config,
    DPTConfig,
    FusionConfig,
    HybridConfig,
    ImageConfig,
    OutputConfig,
    ReassembleConfig,
)
from muggle_convert.draw.diagrams.measure import measure
from muggle_convert.draw.diagrams.model import draw_network

DEPTH_ANYTHING_V2_VITS = DPTConfig(
    family="depth_anything_v2",
    encoder=DINOv2Config(width=384, depth=12, heads=6, mlp="gelu", mlp_width=1536, patch_size=14, grid=(37, 37), taps=(2, 5, 8, 11)),
    reassemble=ReassembleConfig(features=(48, 96, 192, 384), readout="ignore"),
    fusion=FusionConfig(widths=(64, 64, 64, 64), resize="to next"),
    head=DepthHeadConfig(upsampler_width=32, projection_width=32, channels=1, resize="to image"),
    image=ImageConfig(3, 518, True, "at least", 14, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    output=OutputConfig(kind="relative inverse depth", activation="relu", resize="bilinear aligned"),
)
DPT_HYBRID_384 = DPTConfig(
    family="dpt_hybrid",
    encoder=HybridConfig(
        stem_width=64,
        stage_widths=(256, 512, 1024),
        stage_depths=(3, 4, 9),
        width=768,
        depth=12,
        heads=12,
        mlp_width=3072,
        grid=(24, 24),
        taps=(8, 11),
    ),
    reassemble=ReassembleConfig(features=(768, 768), readout="project"),
    fusion=FusionConfig(widths=(256, 256, 256, 256), resize="to next"),
    head=DepthHeadConfig(upsampler_width=128, projection_width=32, channels=1, resize="double"),
    image=ImageConfig(3, 384, True, "closest", 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    output=OutputConfig(kind="relative inverse depth", activation="relu"),
)

DUST3R = DPTConfig(
    family="dust3r",
    encoder=CroCoConfig(
        width=1024,
        depth=24,
        heads=16,
        mlp_width=4096,
        patch_size=16,
        decoder_width=768,
        decoder_depth=12,
        decoder_heads=12,
        decoder_mlp_width=3072,
        two_decoders=True,
        rotation_base=100.0,
        taps=(0, 6, 9, 12),
    ),
    reassemble=ReassembleConfig(features=(96, 192, 384, 768), readout="none"),
    fusion=FusionConfig(widths=(256, 256, 256, 256), resize="double and crop"),
    head=DepthHeadConfig(upsampler_width=128, projection_width=128, channels=4, resize="double"),
    image=ImageConfig(3, 512, True, "at most", 16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    output=OutputConfig(kind="points", activation="exp"),
)


def depth_anything_v2_vits() -> str:
    return draw_network(
        DEPTH_ANYTHING_V2_VITS, measure(DEPTH_ANYTHING_V2_VITS, 518, 518), 518, 518, "Depth-Anything V2, depth_anything_v2_vits"
    )


def dpt_hybrid_384() -> str:
    return draw_network(DPT_HYBRID_384, measure(DPT_HYBRID_384, 384, 384), 384, 384, "DPT hybrid, dpt_hybrid_384")


def dust3r() -> str:
    return draw_network(DUST3R, measure(DUST3R, 384, 512), 384, 512, "DUSt3R, DUSt3R_ViTLarge_BaseDecoder_512_dpt")
