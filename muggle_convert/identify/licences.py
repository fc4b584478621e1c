"""Which licence the weights of a checkpoint have, as far as the files at hand and the zoo say it; never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muggle_convert.hub.zoo import Entry, entries
from muggle_convert.identify.match import Match


@dataclass(frozen=True)
class Licence:
    """A licence, and who says so."""

    name: str
    said_by: str


def licence_of(matched: Match) -> Licence | None:
    """What a converted file or its config.json says, or else what is known of published weights."""
    return stated_licence(matched) or published_licence(matched)


def stated_licence(matched: Match) -> Licence | None:
    """A converted file's own words, or those of the config.json that was pushed beside it."""
    document, beside = matched.document, matched.checkpoint.sidecar
    if document is None:
        return None
    if document.licence:
        return Licence(document.licence, "the converted file")
    source, said = beside.get("source"), beside.get("licence")
    if isinstance(said, str) and said and isinstance(source, dict) and source.get("fingerprint") == document.source["fingerprint"]:
        return Licence(said, "the config.json beside it")
    return None


def published_licence(matched: Match) -> Licence | None:
    entry = next((entry for entry in published_as(matched) if entry.licence != "unknown"), None)
    return Licence(entry.licence, f"the zoo's entry {entry.name}") if entry else None


def published_as(matched: Match) -> Iterator[Entry]:
    """The zoo's entries with these very weights, or with this name and configuration: a name alone proves nothing, and one in somebody's repository
    less than that."""
    document, checkpoint = matched.document, matched.checkpoint
    fingerprint = matched.fingerprint
    called = Path(document.source["file"] if document else checkpoint.name).stem
    is_like_published = matched.released[1] and "/" not in checkpoint.known_as
    for entry in entries():
        is_named = is_like_published and entry.name == called and entry.family == matched.family.name
        is_same = entry.fingerprint is not None and entry.fingerprint == fingerprint
        if is_same or is_named:
            yield entry
