"""Another attention in the blocks of a trained model, before it is trained further."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from model_defs.config import AttentionConfig, FullAttentionConfig, MemoryCompressedConfig, PerformerConfig
from model_defs.network import Network
from model_defs.other_attention import with_attention
from model_defs.plain_values import leaves
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.predict.predictor import with_predict

KINDS = ("full", "performer", "memory-compressed")
RATE = 2  # tokens that become one


@dataclass(frozen=True)
class Plugged:
    """The model, why its configuration is what it is now, and a sentence on what became of the weights."""

    model: Network
    changes: Mapping[str, Evidence]
    remark: str


def plugged(model: Network, kind: str) -> Plugged:
    encoder = model.config.encoder
    try:
        swapped = with_attention(model, _config(kind, getattr(encoder, "width", 0) // getattr(encoder, "heads", 1)))
    except ValueError:
        raise Refusal(
            f"the attention of {model.config.family} cannot be another one; that of depth_anything_v1, depth_anything_v2, dpt_vit and dpt_hybrid can."
        ) from None
    config = swapped.network.config
    changes = {path: Evidence(Source.FLAG, f"--attention {kind}") for path in leaves(config) if path.startswith("encoder.attention.")}
    taken = len(swapped.network.state_dict()) - len(swapped.fresh)
    remark = f"{taken} tensors taken over; not taken over: {_counted(swapped.left)}; new: {_counted(swapped.fresh)}"
    return Plugged(with_predict(swapped.network), changes, remark)


def _config(kind: str, head_width: int) -> AttentionConfig:
    """As many random features as the paper's bound asks for, d log d."""
    if kind == "performer":
        return PerformerConfig(head_width, int(head_width * math.log(head_width)))
    return MemoryCompressedConfig(RATE) if kind == "memory-compressed" else FullAttentionConfig()


def _counted(names: Iterable[str]) -> str:
    """The same tensor of every block once."""
    counts = Counter(name.partition(".attn.")[2] for name in names)
    return ", ".join(f"{count} x attn.{name}" for name, count in counts.items()) or "nothing"
