"""preprocessor_config.json: how transformers turns an image into a network's input."""

from __future__ import annotations

from typing import Any

from model_defs.config import DPTConfig

BILINEAR, CUBIC = 2, 3  # as Pillow numbers its filters


def preprocessor_config(config: DPTConfig, square: int | None) -> dict[str, Any]:
    """transformers keeps the aspect ratio by the side that has to change least, whatever the original does, and not at all if its class
    takes only squares. Of its kernels none is the original's, which looks at four pixels at any scale; its cubic one is among the closest."""
    image = config.image
    is_aligned = image.resize == "bilinear aligned"  # by the class that resizes with corners on each other, and puts a margin around
    return {
        "image_processor_type": "ZoeDepthImageProcessor" if is_aligned else "DPTImageProcessor",
        "do_resize": True,
        "size": {"height": square or image.size, "width": square or image.size_across or image.size},
        "keep_aspect_ratio": image.keep_aspect and square is None,
        "ensure_multiple_of": image.multiple,
        "resample": BILINEAR if is_aligned else CUBIC,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(image.mean),
        "image_std": list(image.std),
        "do_pad": image.reflected > 0,
        "size_divisor": None,
    }
