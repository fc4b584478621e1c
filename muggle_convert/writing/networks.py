"""Networks in memory as converted files, whatever was done to their weights: what they came from is said, and whether they still are that."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_defs.fast.constants import Constant
from model_defs.network import Network
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint
from muggle_convert.checkpoints.fingerprint import fingerprint_of
from muggle_convert.checkpoints.held import KNOWN_TYPES, held
from muggle_convert.checkpoints.tensor_bytes import MappedFiles, tensor_chunks
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.files.target import check_safetensors_target
from muggle_convert.identify.as_torch import tensor_of
from muggle_convert.identify.document import KEY, Document, LeftOut
from muggle_convert.identify.match import Match, match
from muggle_convert.identify.translation import UNUSED
from muggle_convert.plan import Output, Plan, plan
from muggle_convert.writing.converted_file import Report, WriteOptions, describe, settle, write

CALLED = "the network"
CHANGED = "weights that were changed in Python after loading"  # where nobody says more


@dataclass(frozen=True, eq=False)
class Origin:
    """What a loaded network came from."""

    document: Document  # as a conversion would describe it
    kept: Mapping[str, Tensor]  # what the source holds besides the network, and a conversion keeps
    source: Checkpoint | None  # to be read again; None where it was in memory
    weights: tuple[Output, ...]  # in the source, if that can be read again
    checksums: Mapping[str, int]  # of the weights as they were loaded, otherwise

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        """A copy of the network came from the same."""
        return self

    def save(
        self,
        network: Network,
        target: str | Path,
        *,
        training: str = "",
        dtype: str | None = None,
        licence: str | None = None,
        changes: Mapping[str, Evidence] | None = None,
        sync: bool = True,
        force: bool = False,
    ) -> Report:
        """`training` says what was done to the weights, and `changes` why values of the configuration are no longer those of the source."""
        target = Path(target)
        check_safetensors_target(target, force)
        weights = _weights(network)
        known = {**self.document.evidence, **(changes or {})}
        left_out = _as_wide(self.document.dropped, weights)
        evidence = _evidence(self.document, network, known)
        document = replace(self.document, config=network.config, evidence=evidence, dropped=left_out, aliases={})
        tensors = {**weights, **self.kept}
        source = {**document.source, **self._about_source(weights, tensors, training)}
        described = replace(document, source={key: value for key, value in source.items() if value or key == "fingerprint"})
        matched = match(held(tensors, called=CALLED, metadata={KEY: described.to_json()}))
        options = WriteOptions(dtype=dtype, licence=licence, sync=sync, force=force)
        return write(settle(matched, options), target, options)

    def _about_source(self, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], training: str) -> dict[str, str]:
        """Weights that were changed are nobody else's: they have a fingerprint of their own, beside that of what they were trained from."""
        origin = self._fingerprint()
        if not training and self._are_as_they_were(weights):
            return {"fingerprint": origin}
        own = fingerprint_of(held(tensors))
        return {"fingerprint": own, "trained_from": origin, "training": training or CHANGED, "sha256": ""}

    def _fingerprint(self) -> str:
        """That of the source; empty where it can no longer be found out."""
        said = str(self.document.source.get("fingerprint", ""))
        if said or self.source is None:
            return said
        try:
            return fingerprint_of(self.source)
        except Refusal:  # it is gone, or another file by now
            return ""

    def _are_as_they_were(self, weights: Mapping[str, Tensor]) -> bool:
        """Bit for bit, or as they are in another element type; not known to be where the source is gone."""
        if self.source is None:
            return _checksums(weights) == self.checksums
        try:
            files = MappedFiles()
            return bool(self.weights) and all(
                output.name in weights and _is_same(tensor_of(output.made, files), weights[output.name]) for output in self.weights
            )
        except Refusal:
            return False


@dataclass(frozen=True, eq=False)
class FileOrigin:
    """The same while the file lies there to be read again: nothing is found out before it is asked for, so that loading takes no longer."""

    matched: Match

    def __deepcopy__(self, memo: dict[int, Any]) -> FileOrigin:
        return self

    def __reduce__(self) -> tuple[Callable[..., Origin], tuple[Origin]]:
        """A family's rules do not travel to another process, and what they say of this file does."""
        return replace, (self._read(),)

    def save(self, network: Network, target: str | Path, **options: Any) -> Report:
        return self._read().save(network, target, **options)

    def _read(self) -> Origin:
        settled = plan(self.matched)
        weights = tuple(output for output in settled.outputs if not output.name.startswith(UNUSED))
        return Origin(describe(settled, WriteOptions()), _kept(settled), self.matched.checkpoint, weights, {})


def origin_in_memory(matched: Match, network: Network) -> Origin:
    """What does not last is looked at now, while it can be read."""
    settled = plan(matched)
    document = describe(settled, WriteOptions())
    known = document.source.get("fingerprint") or fingerprint_of(matched.checkpoint)
    return Origin(
        replace(document, source={**document.source, "fingerprint": known}), _kept(settled), None, (), _checksums(_weights(network))
    )


def _kept(settled: Plan) -> dict[str, Tensor]:
    files = MappedFiles()
    return {output.name: tensor_of(output.made, files) for output in settled.outputs if output.name.startswith(UNUSED)}


def _weights(network: Network) -> dict[str, Tensor]:
    """Those of a frozen network are as ordinary as others."""
    tensors = {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, Tensor)}
    return {name: tensor.as_subclass(Tensor) if isinstance(tensor, Constant) else tensor for name, tensor in tensors.items()}


def _checksums(weights: Mapping[str, Tensor]) -> dict[str, int]:
    found = {}
    for name, entry in held(weights, called=CALLED).tensors.items():
        found[name] = 0
        for chunk in tensor_chunks(entry):
            found[name] = zlib.crc32(chunk, found[name])
    return found


def _as_wide(left_out: Mapping[str, LeftOut], weights: Mapping[str, Tensor]) -> dict[str, LeftOut]:
    """What was left out would be of the type that all weights are in now."""
    types = {KNOWN_TYPES[tensor.dtype] for tensor in weights.values() if tensor.is_floating_point()}
    if len(types) != 1 or len({left.dtype for left in left_out.values() if left.dtype.is_floating}) != 1:
        return dict(left_out)
    (dtype,) = types
    return {name: replace(left, dtype=dtype) if left.dtype.is_floating else left for name, left in left_out.items()}


def _evidence(before: Document, network: Network, known: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """For every value of the configuration that there was evidence for, and for those that are others now."""
    was, changed = leaves(before.config), Evidence(Source.ARGUMENTS, "set in Python")
    found = {"family": known["family"]} if "family" in known else {}
    for path, value in leaves(network.config).items():
        if path in known and (path not in before.evidence or known[path] is not before.evidence[path] or was.get(path) == value):
            found[path] = known[path]
        elif path not in was or was[path] != value:
            found[path] = changed
    return found


def _is_same(was: Tensor, now: Tensor) -> bool:
    """To the last bit, also of what is no number."""
    one, other = (tensor.detach().cpu().contiguous().reshape(-1) for tensor in (was.to(now.dtype), now))
    return was.shape == now.shape and torch.equal(one.view(torch.uint8), other.view(torch.uint8))
