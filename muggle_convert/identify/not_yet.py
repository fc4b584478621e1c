"""Models that this version can name but not run, so that whoever holds one hears which it is and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal


@dataclass(frozen=True)
class NotYet:
    """How such a model is known: by its config.json, by its file's name, or by tensors that no other has together."""

    title: str
    lacks: str
    model_type: str
    file_names: re.Pattern[str]
    tensors: tuple[str, ...]

    def is_it(self, checkpoint: Checkpoint) -> bool:
        said, tensors = checkpoint.sidecar.get("model_type"), checkpoint.tensors
        return (
            said == self.model_type or self.file_names.search(checkpoint.name) is not None or all(name in tensors for name in self.tensors)
        )


NOT_YET = (
    NotYet(
        "a head for depth on DINOv3",
        "its backbone, of 24 or 40 blocks with rotary positions and registers, which is in a file of its own",
        "dinov3_vit",
        re.compile(r"dinov3.*(dpt|head|chmv2)", re.IGNORECASE),
        ("reassemble_blocks.projects.0.conv.weight", "fusion_blocks.1.res_conv_unit1.conv1.conv.weight", "project.conv.weight"),
    ),
    NotYet(
        "TIPSv2 with its decoders of depth, normals and classes",
        "its backbone, a vision transformer with registers of its own",
        "tipsv2_dpt",
        re.compile(r"tips[_-]?v2.*dpt", re.IGNORECASE),
        ("depth_neck.convs.0.weight", "depth_decoder.head.weight"),
    ),
)


def refusal_by_name(checkpoint: Checkpoint) -> Refusal | None:
    """What to say of a checkpoint that no family knows but that has a name."""
    for known in NOT_YET:
        if known.is_it(checkpoint):
            return Refusal(
                f"{printable(checkpoint.name)} is {known.title}, which this version recognises and cannot run: missing is {known.lacks}."
            )
    return None
