"""A note in an output folder that says what made the predictions in it, so that a later run goes on only where it would make the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from model_defs.plain_values import to_dict
from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.files.replacing import replacing
from muggle_convert.identify.match import Match

NOTE = ".muggle-convert.json"  # hidden, so that it is no picture and no result

Makings = Mapping[str, str]  # each option that changes what is written


def weights_of(matched: Match) -> str:
    """Which weights and settings, in a few digits: equal for a checkpoint and its conversion."""
    checkpoint = matched.checkpoint
    stamps = [str(record.stamp) for record in checkpoint.records]  # of files that promise no checksums
    types = sorted({entry.dtype.code for entry in checkpoint.tensors.values() if entry.dtype.is_floating})
    said = json.dumps([matched.fingerprint or stamps, types, to_dict(matched.config)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def refuse_other_makings(folder: Path, there: int, makings: Makings) -> None:
    """Where `there` of the files are in the folder already, they have to be what would be made now."""
    if not there:
        return
    remedy = "write to another folder, or make all of them again with --force."
    try:
        before = parse_object((folder / NOTE).read_bytes())
    except (OSError, Refusal):
        raise Refusal(
            f"{printable(folder)} holds {there} of the files to be written, and nothing says how they were made; {remedy}"
        ) from None
    for what, now in makings.items():
        if _told_apart(str(before.get(what))) != _told_apart(now):
            raise Refusal(
                f"{printable(folder)} holds what was made with {what} {printable(before.get(what))}, and {now} is asked for; {remedy}"
            )


def _told_apart(making: str) -> str:
    """Without the name of a model, which may change: what is in brackets behind it does not."""
    return making.rpartition(" (")[2]


def note_makings(folder: Path, makings: Makings) -> None:
    with replacing(folder / NOTE) as part:
        part.write_text(json.dumps(makings, indent=1) + "\n", "utf-8")
