"""Hashes that tell checkpoints apart: of the weights, which are equal in any container, and of whole files."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

from muggle_convert.checkpoints import Checkpoint, TensorEntry
from muggle_convert.checkpoints.tensor_bytes import tensor_chunks

CHUNK = 1 << 20


def fingerprint(tensors: Mapping[str, TensorEntry], checksums: Mapping[str, int]) -> str:
    """From each tensor's name, element type, shape and CRC-32, which a copy knows anyway.

    It tells files apart and finds known ones again; it is no proof against somebody who wants two files to collide.
    """
    lines = (
        f"{name}\t{tensors[name].dtype.code}\t{','.join(map(str, tensors[name].shape))}\t{checksums[name]:08x}\n"
        for name in sorted(tensors)
    )
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def promised_fingerprint(checkpoint: Checkpoint) -> str | None:
    """The fingerprint from checksums in the container, where each tensor is one whole record of it; nothing is read."""
    checksums: dict[str, int] = {}
    for name, entry in checkpoint.tensors.items():
        if (promised := promised_checksum(entry)) is None:
            return None
        checksums[name] = promised
    return fingerprint(checkpoint.tensors, checksums)


def fingerprint_of(checkpoint: Checkpoint) -> str:
    """From the container's checksums, or else from all bytes."""
    if (promised := promised_fingerprint(checkpoint)) is not None:
        return promised
    return fingerprint(checkpoint.tensors, {name: _checksum(entry) for name, entry in checkpoint.tensors.items()})


def _checksum(entry: TensorEntry) -> int:
    found = 0
    for chunk in tensor_chunks(entry):
        found = zlib.crc32(chunk, found)
    return found


def promised_checksum(entry: TensorEntry) -> int | None:
    """A tensor's CRC-32 as its container states it, where the tensor is all of a record."""
    record = entry.record
    is_all = entry.offset == 0 and entry.stride is None and entry.size == record.size and record.byteorder == "little"
    return record.crc32 if is_all else None


def sha256_of(path: Path) -> str:
    """Of all bytes of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
