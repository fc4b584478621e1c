"""What both models of MiDaS v2.1 share besides the decoder: the stem, and how pictures go in."""

from __future__ import annotations

from dataclasses import replace

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, ImageConfig
from muggle_convert.families.ends import DEPTH_HEAD_RULES
from muggle_convert.families.evidence import Evidence, Findings, Source
from muggle_convert.families.family import Reading
from muggle_convert.families.parts import fusion_drops, fusion_rules
from muggle_convert.rules import Rule, RuleSet, rename


def layout(*encoder: Rule) -> RuleSet:
    """The names of an encoder's stages between those of its stem and of the decoder."""
    stem = (
        rename("pretrained.layer1.0.weight", "patch_embed.proj.weight"),
        rename("pretrained.layer1.1.{p:batch_norm}", "patch_embed.proj.norm.{p:batch_norm}"),
    )
    return RuleSet((*stem, *encoder, *fusion_rules(), *DEPTH_HEAD_RULES), fusion_drops())


def read_imagenet_image(reading: Reading, findings: Findings, size: int) -> ImageConfig:
    """The pictures of MiDaS before DPT: inside a square, at ImageNet's mean and standard deviation."""
    channels = reading.measure(findings, "image.channels", "patch_embed.proj.weight", lambda shape: shape[1])
    image = ImageConfig(channels, size, True, "at most", 32, IMAGENET_MEAN, IMAGENET_STD)
    if channels != 3:
        image = replace(image, mean=(0.5,) * channels, std=(0.5,) * channels)
        findings.because(Evidence(Source.ASSUMED, "ImageNet's are those of three channels"), "image.mean", "image.std")
    return findings.rest("image", image, Source.CONVENTION, "how MiDaS v2.1 was trained: ImageNet's mean and standard deviation")
