"""preprocessor_config.json: how transformers turns an image into a network's input."""

from __future__ import annotations

from typing import Any

from model_defs.config import DPTConfig

CUBIC = 3  # as Pillow numbers its filters


def preprocessor_config(config: DPTConfig, square: int | None) -> dict[str, Any]:
    """transformers keeps the aspect ratio by the side that has to change least, whatever the original does, and not at all if its class
    takes only squares."""
    image = config.image
    return {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "size": {"height": square or image.size, "width": square or image.size_across or image.size},
        "keep_aspect_ratio": image.keep_aspect and square is None,
        "ensure_multiple_of": image.multiple,
        "resample": CUBIC,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(image.mean),
        "image_std": list(image.std),
        "do_pad": False,
        "size_divisor": None,
    }
