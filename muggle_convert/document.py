"""What a converted file says of itself: one JSON value in its header, also written as config.json where a folder is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_defs.config import ConfigError, DPTConfig, from_dict, to_dict
from muggle_convert.checkpoints import DType, printable, shown
from muggle_convert.errors import Refusal
from muggle_convert.families.evidence import Evidence, Source
from muggle_convert.rules import Shape

KEY = "muggle_convert"  # in the header of a safetensors file and in config.json
FORMAT = 1  # raised when a reader of the older number would misunderstand

_BY_CODE = {dtype.code: dtype for dtype in DType}


@dataclass(frozen=True)
class LeftOut:
    """A tensor of the source that the file does not have: why, and what it would be, so that its place can be filled."""

    reason: str
    dtype: DType
    shape: Shape


@dataclass(frozen=True)
class Document:
    """Family, configuration and where each value of it came from, and the file it was all read in."""

    config: DPTConfig
    evidence: Mapping[str, Evidence]
    layout: str  # of the source
    source: Mapping[str, Any]  # file, size, fingerprint, and sha256 where it was asked for
    versions: Mapping[str, str]
    dropped: Mapping[str, LeftOut] = field(default_factory=dict)  # by name in the source
    aliases: Mapping[str, str] = field(default_factory=dict)  # names of the model that share another one's tensor
    licence: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "family": self.config.family,
            "config": to_dict(self.config),
            "evidence": {path: [evidence.source.value, evidence.detail] for path, evidence in self.evidence.items()},
            "layout": self.layout,
            "source": dict(self.source),
            "versions": dict(self.versions),
            "dropped": {name: [left.reason, left.dtype.code, list(left.shape)] for name, left in self.dropped.items()},
            "aliases": dict(self.aliases),
            "licence": self.licence,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))


def read_document(text: str, file: str) -> Document:
    """The way back; a document of another format or with anything missing is refused, not guessed at."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise Refusal(
                f"{file} was written in format {shown(found)} of muggle-convert; this version reads format {FORMAT}: convert the original again."
            )
        return Document(
            config=from_dict(data["config"]),
            evidence={path: Evidence(Source(source), detail) for path, (source, detail) in data["evidence"].items()},
            layout=data["layout"],
            source=data["source"],
            versions=data["versions"],
            dropped={name: LeftOut(why, _BY_CODE[code], tuple(map(int, shape))) for name, (why, code, shape) in data["dropped"].items()},
            aliases=data["aliases"],
            licence=data["licence"],
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        raise Refusal(
            f"{file} says it was written by muggle-convert, but its description is damaged ({printable(problem)}); convert the original again."
        ) from None
