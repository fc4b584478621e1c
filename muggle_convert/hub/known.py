"""Recognising published weights, whatever their file is called."""

from __future__ import annotations

from muggle_convert.checkpoints import Checkpoint
from muggle_convert.checkpoints.fingerprint import promised_fingerprint
from muggle_convert.hub.zoo import entries


def published_name(checkpoint: Checkpoint) -> str | None:
    """The file name of the zoo's entry with this fingerprint, if the container promises checksums; no tensor is read."""
    fingerprint = promised_fingerprint(checkpoint)
    names = [entry.file_name for entry in entries() if fingerprint is not None and entry.fingerprint == fingerprint]
    return names[0] if names else None
