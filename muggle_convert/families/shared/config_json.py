"""What the config.json beside a checkpoint says, in the words of this project's settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from model_defs.config import ImageConfig
from muggle_convert.checkpoints import shown
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Evidence, Findings, Source

BACKBONES = ("dinov2", "beit", "swinv2")  # of transformers, whose own part of a config.json tells what the encoder is like

# What a network here is like whatever config.json says; another value is another network.
FIXED: Mapping[str, tuple[Any, ...]] = {
    "add_projection": (False,),
    "attractor_kind": ("mean",),
    "min_temp": (0.0212,),
    "max_temp": (50,),
    "apply_layernorm": (True,),
    "head_in_index": (-1,),
    "hidden_act": ("gelu",),
    "use_shared_relative_position_bias": (False,),
    "use_absolute_position_embeddings": (False,),
}


def said_by(sidecar: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values by the name of the setting that would give them; what is no config.json of transformers is taken as it is."""
    if "model_type" not in sidecar:
        return sidecar
    encoder = _encoder(sidecar)
    if sidecar["model_type"] == "zoedepth":
        sidecar = {"bin_centers_type": "softplus", "max_depth": _reach(sidecar), "depth_estimation_type": "metric", **sidecar}
    kind = sidecar.get("depth_estimation_type", "relative" if sidecar["model_type"] == "depth_anything" else None)
    said = {
        "taps": _taps(sidecar, encoder),
        "heads": encoder.get("num_attention_heads"),
        "readout": sidecar.get("readout_type"),
        "depth_estimation_type": kind,
        "max_depth": sidecar.get("max_depth", 1) if kind == "metric" else None,
        "bins": sidecar.get("bin_centers_type"),
        "size": encoder.get("image_size"),
        "window": encoder.get("window_size"),
        "pretrained_windows": encoder.get("pretrained_window_sizes"),
    }
    return {key: value for key, value in said.items() if value is not None}


def refuse_another_network(sidecar: Mapping[str, Any], file: str, own: Mapping[str, tuple[Any, ...]]) -> None:
    """Refuse where config.json asks for something that no network here does, or that those of its family do otherwise."""
    for part in (sidecar, _encoder(sidecar)):
        for key, known in {**FIXED, **own}.items():
            if key in part and part[key] not in known:
                raise Refusal(f"the config.json of {file} has {key} {shown(part[key])}; networks here have {known[0]} only.")


def pictures_said_by(preprocessor: Mapping[str, Any], image: ImageConfig, findings: Findings) -> ImageConfig:
    """How pictures are normalised, where a preprocessor_config.json says it."""
    mean, std = preprocessor.get("image_mean"), preprocessor.get("image_std")
    if (
        not _are_numbers(mean, image.channels)
        or not _are_numbers(std, image.channels)
        or 0 in std
        or not preprocessor.get("do_normalize", True)
    ):
        return image
    whole = 1.0 if preprocessor.get("do_rescale", True) else 255.0  # what white is, where these are applied
    for path, key in (("image.mean", "image_mean"), ("image.std", "image_std")):
        findings.because(Evidence(Source.METADATA, f"{key} in preprocessor_config.json"), path)
    return replace(image, mean=tuple(value / whole for value in mean), std=tuple(value / whole for value in std))


def _reach(sidecar: Mapping[str, Any]) -> Any:
    """The largest depth of any of ZoeDepth's bins; transformers leaves out of the file what is 10, its default."""
    bins = sidecar.get("bin_configurations", [{"max_depth": 10.0}])
    depths = [one.get("max_depth") if isinstance(one, dict) else None for one in (bins if isinstance(bins, list) else [])]
    return max(depths) if depths and _are_numbers(depths, len(depths)) else None


def _encoder(sidecar: Mapping[str, Any]) -> Mapping[str, Any]:
    backbone = sidecar.get("backbone_config")
    return backbone if isinstance(backbone, dict) and backbone.get("model_type") in BACKBONES else sidecar


def _taps(sidecar: Mapping[str, Any], encoder: Mapping[str, Any]) -> list[int] | None:
    """Blocks counted from zero. A backbone counts its stages from what goes into the first block; DPT's own encoder counts blocks, and
    in a hybrid the first two are none."""
    if encoder is not sidecar:
        stages = encoder.get("out_indices") or _stage_numbers(encoder.get("out_features"))
        return [stage - 1 for stage in stages] if _are_stages(stages) else None
    blocks: Any = sidecar.get("backbone_out_indices")
    return list(blocks[2:] if sidecar.get("is_hybrid") else blocks) if _are_stages(blocks) else None


def _stage_numbers(names: Any) -> list[Any]:
    matches = [re.fullmatch(r"stage(\d{1,3})", str(name)) for name in (names if isinstance(names, list) else [])]
    return [int(match[1]) if match else None for match in matches]


def _are_numbers(values: Any, count: int) -> TypeGuard[list[float]]:
    return (
        isinstance(values, list) and len(values) == count and all(type(value) in (int, float) and math.isfinite(value) for value in values)
    )


def _are_stages(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(type(value) is int and value >= 0 for value in values)
