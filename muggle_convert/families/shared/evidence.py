"""Where each value of a configuration comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from model_defs.plain_values import leaves
from muggle_convert.checkpoints.safe_text import LONGEST_REASON, printable
from muggle_convert.errors import Refusal

Value = TypeVar("Value")
Config = TypeVar("Config")
Said = TypeVar("Said")


class Source(Enum):
    """What was asked, the most trusted first."""

    FLAG = "flag"
    METADATA = "metadata"
    KNOWN_FILE = "known file"
    ARGUMENTS = "training arguments"
    SHAPE = "shape"
    BUFFER = "stored buffer"
    FILE_NAME = "file name"
    CONVENTION = "convention"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class Evidence:
    """One reason to believe one value."""

    source: Source
    detail: str

    def __str__(self) -> str:
        return f"{self.source.value}: {printable(self.detail, LONGEST_REASON)}"


def as_json_value(evidence: Mapping[str, Evidence]) -> dict[str, list[str]]:
    """By its path, the source and the detail of each value."""
    return {path: [one.source.value, one.detail] for path, one in evidence.items()}


@dataclass(frozen=True)
class Told(Generic[Said]):
    """What somebody or something says, and the evidence for it."""

    value: Said
    evidence: Evidence


@dataclass(kw_only=True)
class Findings:
    """Passes every value on and notes, under its dotted path in the configuration, where it was found."""

    evidence: dict[str, Evidence] = field(default_factory=dict)

    def because(self, evidence: Evidence, *paths: str) -> None:
        """One reason for several values."""
        self.evidence |= dict.fromkeys(paths, evidence)

    def note(self, path: str, value: Value, source: Source, detail: str) -> Value:
        self.because(Evidence(source, detail), path)
        return value

    def heard(self, told: Told[Said], path: str, value: Value) -> Value:
        """A value that follows from what was told."""
        self.because(told.evidence, path)
        return value

    def convention(self, path: str, value: Value, why: str) -> Value:
        return self.note(path, value, Source.CONVENTION, why)

    def rest(self, path: str, config: Config, source: Source, detail: str) -> Config:
        """One reason for every value of a part of the configuration that has none yet."""
        for name in leaves(config, path):
            self.evidence.setdefault(name, Evidence(source, detail))
        return config


class Contradiction(Refusal):
    """A checkpoint cannot be what its names suggest, whatever the flags. `because` is the evidence if that is not its tensors."""

    def __init__(self, sentence: str, because: Evidence | None = None) -> None:
        super().__init__(sentence)
        self.because = because
