"""The result as a file like any converted one: it says what it is, what it was made from, and what was done to it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save as serialised
from torch import Tensor

from model_defs.network import Network
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint
from muggle_convert.checkpoints.fingerprint import fingerprint
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import read_tensor
from muggle_convert.families.shared.evidence import Evidence
from muggle_convert.files.atomic import replacing
from muggle_convert.identify.as_torch import TORCH_TYPES
from muggle_convert.identify.document import KEY, Document
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import UNUSED
from muggle_convert.plan import plan
from muggle_convert.writing.converted_file import WriteOptions, describe


def save(network: Network, matched: Match, training: str, changes: Mapping[str, Evidence], target: Path) -> None:
    """`matched` is what the network was before; `changes` are the reasons for what is different in its configuration."""
    tensors = {**{name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, **_never_read(matched)}
    document = _described(network, matched, training, changes)
    with replacing(target) as part:
        part.write_bytes(serialised(tensors, {"format": "pt", KEY: document.to_json()}))
        own = _fingerprint(open_checkpoint(part))
        document = replace(document, source={**document.source, "fingerprint": own})
        part.write_bytes(serialised(tensors, {"format": "pt", KEY: document.to_json()}))


def _described(network: Network, matched: Match, training: str, changes: Mapping[str, Evidence]) -> Document:
    before = describe(plan(matched, keep_unused=True), WriteOptions())
    known = {**before.evidence, **changes}
    origin = before.source.get("fingerprint") or _fingerprint(matched.checkpoint)
    return replace(
        before,
        config=network.config,
        evidence={path: known[path] for path in ("family", *leaves(network.config)) if path in known},
        # These weights are nobody else's: they have a fingerprint of their own, beside that of what they were trained from.
        source={**before.source, "fingerprint": "", "trained_from": origin, "training": training},
        aliases={},
    )


def _never_read(matched: Match) -> dict[str, Tensor]:
    """What the network does not have and the original layout does."""
    outputs = [output for output in plan(matched, keep_unused=True).outputs if output.name.startswith(UNUSED)]
    wholes = {output.name: entry for output in outputs if (entry := output.made.whole) is not None}
    return {
        name: torch.frombuffer(bytearray(read_tensor(entry)), dtype=TORCH_TYPES[entry.dtype]).view(entry.shape)
        for name, entry in wholes.items()
    }


def _fingerprint(checkpoint: Checkpoint) -> str:
    return fingerprint(checkpoint.tensors, {name: zlib.crc32(read_tensor(entry)) for name, entry in checkpoint.tensors.items()})
