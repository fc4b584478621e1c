"""Networks that transformers names in a config.json and that are not here: refused by that name, not by tensors, of which some could be
dropped until the rest makes another network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal

# What transformers puts a head on, by the type of the backbone's own configuration; DPT has an encoder of its own, too.
HEADS: Mapping[str, tuple[str, ...]] = {
    "depth_anything": ("dinov2",),
    "dpt": ("beit", "bit", "dinov2", "swinv2"),
    "prompt_depth_anything": ("dinov2",),
    "zoedepth": ("beit",),
}
_OF_DEPTH = ("chmv2", "depth_pro", "glpn")
_OF_CLASSES = ("beit", "convnext", "mask2former", "mobilevit", "oneformer", "segformer", "upernet")
_BACKBONES = (
    "bit", "convnextv2", "dinov2", "dinov2_with_registers", "dinov3_convnext", "hiera", "pvt_v2", "resnet", "swin", "swinv2",
    "timm_backbone", "timm_wrapper", "vit", "vit_mae", "vitdet",
)  # fmt: skip
_REGISTERS = ("register_tokens", "reg_token")


def refuse_unsupported(checkpoint: Checkpoint) -> None:
    """Whatever is to be left out: registers, for one, move every prediction."""
    if (refusal := refusal_by_config(checkpoint)) is not None:
        raise refusal
    for name in checkpoint.left_out:
        if is_register(name):
            raise Refusal(
                f"{printable(checkpoint.name)} has registers in its backbone ({printable(name)}), which change every prediction and which no "
                "network here has in this place; without them it would be another network, so they cannot be left out."
            )


def is_register(name: str) -> bool:
    return name.rpartition(".")[2] in _REGISTERS


def refusal_by_config(checkpoint: Checkpoint) -> Refusal | None:
    """What to say of the type that a config.json of transformers names; None where a network here is of that type, or nobody knows it."""
    said = checkpoint.sidecar
    kind = said.get("model_type")
    if not isinstance(kind, str):
        return None
    if kind in HEADS:
        backbone = _backbone(said)
        if backbone in (None, *HEADS[kind]):
            return _without_head(checkpoint)
        known = f"{kind} on {', '.join(HEADS[kind])}"
        return _refusal(checkpoint, f"{kind} on the backbone {printable(backbone)}", known, "AutoModelForDepthEstimation")
    for kinds, reader in (
        (_OF_DEPTH, "AutoModelForDepthEstimation"),
        (_OF_CLASSES, "AutoModelForSemanticSegmentation"),
        (_BACKBONES, "AutoBackbone"),
    ):
        if kind in kinds:
            alone = ", a backbone without a head for depth" if kinds is _BACKBONES else ""
            return _refusal(checkpoint, f"{kind}{alone}", ", ".join(HEADS), reader)
    return None


def _backbone(said: Mapping[str, Any]) -> str | None:
    """The type of a backbone; one of timm by its own name, which stands beside."""
    config = said.get("backbone_config")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if isinstance(kind, str):
        inner = config.get("backbone") if isinstance(config, dict) else None
        return f"{kind} ({inner})" if isinstance(inner, str) else kind
    named = said.get("backbone")
    return named if isinstance(named, str) else None


def _without_head(checkpoint: Checkpoint) -> Refusal | None:
    if checkpoint.sidecar.get("architectures") != ["DPTModel"]:
        return None
    return _refusal(checkpoint, "DPTModel, which has no head for depth", "DPTForDepthEstimation", "AutoModel")


def _refusal(checkpoint: Checkpoint, what: str, known: str, reader: str) -> Refusal:
    return Refusal(
        f"{printable(checkpoint.name)} is {what}, as its config.json says, which this version does not have; it reads {known}. "
        f"transformers reads it, with {reader}.from_pretrained(FOLDER)."
    )
