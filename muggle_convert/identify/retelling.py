"""Reading an original by itself, and holding everything that a converted file says of it against that.

A converted file tells what only a flag or a name told when it was made; nothing in the original can contradict that, so it is listed as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint, printable, shown
from muggle_convert.checkpoints.fingerprint import fingerprint_of, sha256_of
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.identify.document import Document
from muggle_convert.identify.licences import published_licence
from muggle_convert.identify.match import Match, match

MEASURED = (Source.SHAPE, Source.BUFFER)


@dataclass(frozen=True)
class Remark:
    """One thing that a converted file says, and what there is to say about it."""

    what: str  # such as encoder.heads, or fingerprint
    said: str
    about: str

    def __str__(self) -> str:
        return f"{self.what} is {self.said}: {self.about}"


@dataclass(frozen=True)
class Retold:
    """The original as it is by itself; None where that is refused."""

    original: Match | None
    different: tuple[Remark, ...]
    only_told: tuple[Remark, ...]  # by a flag, a name or a file that is not here


def retell(checkpoint: Checkpoint, converted: Match) -> Retold:
    document = converted.document
    assert document is not None
    told = _Told(checkpoint, converted, document)
    try:
        original = match(told.renamed, told.family, told.settings)
    except Refusal as refusal:
        reason = f"the original cannot be read like that ({str(refusal).removesuffix('.')})"
        return Retold(None, (Remark("what it describes", converted.family.name, reason),), ())
    different: list[Remark] = []
    only_told = list(told.names())
    for remark, is_contradiction in _configuration(original, converted, told):
        (different if is_contradiction else only_told).append(remark)
    for remark, is_contradiction in _source(checkpoint, original.layout, document, told.is_renamed):
        (different if is_contradiction else only_told).append(remark)
    only_told += _licence(original, document)
    return Retold(original, tuple(different), tuple(only_told))


class _Told:
    """What no tensor told when the file was converted, as the file itself has it."""

    def __init__(self, checkpoint: Checkpoint, converted: Match, document: Document) -> None:
        values = leaves(document.config)
        self.family: str | None = None
        self.settings: dict[str, Any] = {}
        self.paths: dict[str, str] = {}  # of the values, and how they were told
        self.recorded, self.is_renamed = document.source["file"], document.source["file"] != checkpoint.name
        for path, evidence in document.evidence.items():
            key = _key_of(evidence, checkpoint)
            if path == "family":
                self.family = converted.family.name if evidence.source is Source.FLAG else None
            elif key in converted.family.settings:
                value = evidence.detail.partition("=")[2] if evidence.source is Source.FLAG else values.get(path)
                self.settings.setdefault(key, value)
            elif evidence.source is not Source.FILE_NAME or not self.is_renamed:
                continue
            self.paths[path] = str(evidence)
        named = any(evidence.source is Source.FILE_NAME for evidence in document.evidence.values())
        self.renamed = replace(checkpoint, known_as=self.recorded) if named and self.is_renamed else checkpoint

    def names(self) -> Iterator[Remark]:
        if self.is_renamed:
            yield Remark("the name of the source", shown(self.recorded), "this file has another one")
        if self.family is not None:
            yield Remark("the family", self.family, "told by a flag")


def _key_of(evidence: Evidence, checkpoint: Checkpoint) -> str:
    """The setting that a flag gave, or a config.json that is not beside the original here."""
    if evidence.source is Source.FLAG:
        return evidence.detail.partition("=")[0]
    key, inside, _ = evidence.detail.partition(" in config.json")
    return key if evidence.source is Source.METADATA and inside and not checkpoint.sidecar else ""


def _configuration(original: Match, converted: Match, told: _Told) -> Iterator[tuple[Remark, bool]]:
    """Every value that differs, or that nothing but a word told; and whether the original contradicts it."""
    ours, theirs = _values(original), _values(converted)
    is_same_layout = converted.document is not None and original.layout == converted.document.layout
    for path in dict.fromkeys([*theirs, *ours]):
        said, found = shown(theirs.get(path)), shown(ours.get(path))
        evidence = original.evidence.get(path)
        if theirs.get(path) != ours.get(path):
            is_measured = evidence is not None and evidence.source in MEASURED
            yield (
                Remark(path, said, f"the original has {found}" + (f" ({printable(evidence)})" if evidence else "")),
                is_same_layout or is_measured,
            )
        elif path in told.paths:
            yield Remark(path, said, f"told by a {printable(told.paths[path])}"), False


def _values(matched: Match) -> Mapping[str, Any]:
    return {"family": matched.family.name, **{path: value for path, value in leaves(matched.config).items() if path != "family"}}


def _source(checkpoint: Checkpoint, layout: str, document: Document, is_renamed: bool) -> Iterator[tuple[Remark, bool]]:
    """Against what is recorded of the file. The same weights may come in another container or layout, which nothing here denies; but not in
    another one under the name that is recorded, or with the hash."""
    found: dict[str, Any] = {"layout": layout, "size": checkpoint.stored_size, "fingerprint": fingerprint_of(checkpoint)}
    recorded: dict[str, Any] = {"layout": document.layout, **document.source}
    if recorded.get("sha256"):
        found["sha256"] = sha256_of(checkpoint.path) if checkpoint.path.is_file() else "that of no single file"
    differs = {key for key, value in found.items() if recorded[key] != value}
    is_this_file = not is_renamed or ("sha256" in found and "sha256" not in differs)
    is_contradicted = {
        "layout": "fingerprint" not in differs,  # which is of the names, too
        "size": is_this_file or "fingerprint" in differs,
        "fingerprint": True,
        "sha256": True,
    }
    if "layout" in differs and not is_contradicted["layout"]:
        differs -= {"size", "fingerprint"}  # of another file, as they have to be
    for key in found:
        if key in differs:
            yield Remark(f"the {key} of the source", shown(recorded[key]), f"the original has {shown(found[key])}"), is_contradicted[key]


def _licence(original: Match, document: Document) -> Iterator[Remark]:
    known = published_licence(original)
    if document.licence is not None and known is None:
        yield Remark("the licence", shown(document.licence), "told by whoever converted it")
    elif known is not None and document.licence != known.name:
        yield Remark("the licence", shown(document.licence), f"{known.said_by} has {known.name}")
