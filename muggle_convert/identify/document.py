"""What a converted file says of itself: one JSON value in its header, also written as config.json where a folder is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_defs.config import DPTConfig
from model_defs.plain_values import ConfigError, from_dict, to_dict
from muggle_convert.checkpoints import DType, printable, shown
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.checkpoints.torch_globals import LARGEST, MOST_DIMENSIONS
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source, as_json_value
from muggle_convert.identify.plausible import check_numbers
from muggle_convert.rules import Shape
from muggle_convert.version import VERSION

KEY = "muggle_convert"  # in the header of a safetensors file and in config.json
FORMAT = 1  # raised when a reader of the older number would misunderstand; a field with a default needs no new number

HASHES = ("fingerprint", "trained_from", "sha256")  # of what is said of a source
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
            "evidence": as_json_value(self.evidence),
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
    """The way back. What has a default may be absent, as in files that are older than it; nothing else is guessed at."""
    try:
        data = _parsed(text)
        written_in, writer = data["format"], str(data["versions"]["muggle-convert"])
        if type(written_in) is not int or written_in < 1:
            raise ValueError(f"its format is {shown(written_in)}")
        if written_in > FORMAT:
            raise Refusal(
                f"{file} was written in format {written_in} by muggle-convert {printable(writer)}, and {VERSION} reads formats up to {FORMAT}: "
                f"install muggle-convert {printable(writer)} or a later version."
            )
        if not {"file", "size", "fingerprint"} <= data["source"].keys():
            raise ValueError("its source has no name, size and fingerprint")
        config = from_dict(data["config"])
        check_numbers(config)
        return Document(
            config=config,
            evidence={path: Evidence(Source(source), _text(detail)) for path, (source, detail) in data["evidence"].items()},
            layout=_text(data["layout"]),
            source={key: _about_source(key, value) for key, value in data["source"].items()},
            versions=_texts(data["versions"]),
            dropped={
                name: LeftOut(_text(why), _BY_CODE[code], _shape(shape)) for name, (why, code, shape) in data.get("dropped", {}).items()
            },
            aliases=_texts(data.get("aliases", {})),
            licence=None if data.get("licence") is None else _text(data["licence"]),
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        raise Refusal(
            f"{file} says it was written by muggle-convert, but its description is damaged ({printable(problem)}); convert the original again."
        ) from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        return parse_object(text.encode())
    except Refusal as problem:
        raise ValueError(str(problem).removesuffix(".")) from None


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < LARGEST:
        raise TypeError(f"{shown(value)} is no count")
    return value


def _shape(value: Any) -> Shape:
    """Of a tensor that could be, also where one of its sides is zero."""
    if not isinstance(value, list) or len(value) > MOST_DIMENSIONS or math.prod(filter(None, map(_count, value))) >= LARGEST:
        raise TypeError(f"{shown(value)} is no shape")
    return tuple(value)


def _about_source(key: str, value: Any) -> Any:
    """A hash is empty where a container promises none."""
    if key == "size":
        return _count(value)
    if key in HASHES and re.fullmatch(r"([0-9a-f]{64})?", _text(value)) is None:
        raise TypeError(f"{shown(value)} is no hash")
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is no text")
    return value


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(text) for name, text in value.items()}
