"""What both models of MiDaS v2.1 share besides the decoder: the stem, and how pictures go in."""

from __future__ import annotations

from dataclasses import replace

from model_defs.config import IMAGENET_MEAN, IMAGENET_STD, ImageConfig
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.families.shared.reading import Reading
from muggle_convert.rules import Row, normalized_convolution


def stem(kernel: int) -> tuple[Row, ...]:
    return normalized_convolution("pretrained.layer1.0", "pretrained.layer1.1", "patch_embed.proj", "stem_width", "image.channels", kernel)


def imagenet_image(reading: Reading, size: int) -> ImageConfig:
    """The pictures of MiDaS before DPT: inside a square, at ImageNet's mean and standard deviation."""
    channels = reading.value("image.channels")
    image = ImageConfig(channels, size, True, "at most", 32, IMAGENET_MEAN, IMAGENET_STD)
    if channels != 3:
        image = replace(image, mean=(0.5,) * channels, std=(0.5,) * channels)
        reading.because(Evidence(Source.ASSUMED, "ImageNet's are those of three channels"), "image.mean", "image.std")
    return reading.rest("image", image, Source.CONVENTION, "how MiDaS v2.1 was trained: ImageNet's mean and standard deviation")
