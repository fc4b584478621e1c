"""What the converter has to know of one family of models, and what a family may ask about a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from model_defs.config import DPTConfig, EncoderConfig
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint, TensorEntry, printable
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families.config_json import said_by
from muggle_convert.families.evidence import Evidence, Findings, Source, Told, Value
from muggle_convert.hub.known import published_name
from muggle_convert.rules import Drop, RuleSet, Shape
from muggle_convert.rules.templates import Template

METRIC_FILE = re.compile(r"(?<![a-z])metric(?!s)", re.IGNORECASE)

Encoder = TypeVar("Encoder", bound=EncoderConfig)


@dataclass(frozen=True)
class Setting:
    """Something that no tensor can tell and a flag can: how its text is read, and what it changes in a configuration."""

    meaning: str
    parse: Callable[[Any], Any]
    apply: Callable[[DPTConfig, Any], DPTConfig]


@dataclass(frozen=True)
class Released:
    """A checkpoint somebody published: its name, and values of the configuration that only it has in its family."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Transformers(Generic[Encoder]):
    """How the transformers library holds a family: its names, and the config.json that its models are built from."""

    layouts: Mapping[str, RuleSet]  # what is written comes first
    config: Callable[[DPTConfig, Encoder], Mapping[str, Any]]
    square: Callable[[DPTConfig, Encoder], int] | None = None  # the side that pictures need where its class takes squares only


@dataclass(frozen=True)
class Family(Generic[Encoder]):
    """One family of models: how its files name their tensors, and how its configuration is read from their shapes."""

    name: str
    title: str
    citations: tuple[str, ...]
    encoder: type[Encoder]  # the configuration of the encoder that all its models have
    layouts: Mapping[str, RuleSet]
    configure: Callable[[Reading, Findings], DPTConfig]
    tensors: Callable[[DPTConfig, Encoder], Mapping[str, Shape]]  # all that a network of this configuration holds
    file_names: re.Pattern[str]  # what its files are called in the wild
    released: tuple[Released, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    transformers: Transformers[Encoder] | None = None

    @property
    def every_layout(self) -> Mapping[str, RuleSet]:
        return {**self.layouts, **(self.transformers.layouts if self.transformers else {})}

    def inventory(self, config: DPTConfig) -> Mapping[str, Shape]:
        """Every tensor a network of this configuration holds, by name, in the order of the files that are written."""
        assert isinstance(config.encoder, self.encoder)
        return self.tensors(config, config.encoder)


@dataclass(frozen=True)
class Reading:
    """A checkpoint under the names of the model: the shapes, and everything else that can be evidence."""

    family: str
    checkpoint: Checkpoint
    shapes: Mapping[str, Shape]  # by name in the model
    origins: Mapping[str, tuple[str, ...]]  # the names in the checkpoint each was made from
    dropped: Mapping[str, tuple[Drop, Mapping[str, int]]]  # by name in the checkpoint
    overrides: Mapping[str, Any]
    called: Callable[[str], str]  # what the checkpoint calls a tensor of the model, be it there or not

    @property
    def file(self) -> str:
        """The file as messages call it."""
        return printable(self.checkpoint.name)

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """What the config.json beside the file says, by the names of settings."""
        return said_by(self.checkpoint.sidecar)

    def has(self, name: str) -> bool:
        return name in self.shapes

    def shape(self, name: str) -> Shape:
        """The shape of a tensor that has to be there."""
        if name not in self.shapes:
            raise Contradiction(
                f"{self.file} looks like {self.family} but lacks {self.called(name)}; the file is incomplete or of another family."
            )
        return self.shapes[name]

    def measure(self, findings: Findings, path: str, name: str, value: Callable[[Shape], Value]) -> Value:
        """A value read from the shape of one tensor, with the tensor as its evidence."""
        return findings.note(path, self._measured(name, value), Source.SHAPE, self.describe(name))

    def measure_all(self, findings: Findings, path: str, names: Sequence[str], value: Callable[[Shape], Value]) -> tuple[Value, ...]:
        """A list of values read from the shapes of several tensors, one from each."""
        return findings.note(path, tuple(self._measured(name, value) for name in names), Source.SHAPE, self.describe_all(names))

    def describe_all(self, names: Sequence[str]) -> str:
        """The first of several tensors, and how many follow it."""
        return self.describe(names[0]) + (f", and {len(names) - 1} more like it" if len(names) > 1 else "")

    def describe(self, name: str) -> str:
        shape = list(self.shape(name))
        return f"{' + '.join(map(printable, self.origins[name]))} is {shape}"

    def _measured(self, name: str, value: Callable[[Shape], Value]) -> Value:
        shape = self.shape(name)
        try:
            return value(shape)
        except (IndexError, ZeroDivisionError):
            raise Contradiction(
                f"{self.file} looks like {self.family} but {self.describe(name)}, which is nothing such a network has."
            ) from None

    def count(self, template: str) -> int:
        """How many entries a numbered list has; the numbers have to run from zero without a gap."""
        compiled = Template(template)
        numbers = sorted({fields["n"] for name in self.shapes if (fields := compiled.match(name)) is not None})
        for expected, number in enumerate(numbers):
            if number != expected:
                missing = self.called(template.replace("{n}", str(expected)))
                there = self.called(template.replace("{n}", str(number)))
                raise Contradiction(f"{self.file} looks like {self.family} but has a gap: {missing} is missing while {there} is there.")
        if not numbers:
            first = self.called(template.replace("{n}", "0"))
            raise Contradiction(f"{self.file} looks like {self.family} but lacks {first}; the file is incomplete.")
        return len(numbers)

    def stored(self, pattern: str) -> list[TensorEntry]:
        """Dropped tensors whose names in the checkpoint match a template, in the order of the file."""
        compiled = Template(pattern)
        return [self.checkpoint.tensors[name] for name in self.dropped if compiled.match(name) is not None]

    def clue(self, key: str, file_name: re.Pattern[str] | None = None) -> Told[Any] | None:
        """The most trusted word on something no tensor tells: unread as it was said, or the match of the file's name."""
        if (stated := self._stated(key)) is not None:
            return stated
        named = self.named(file_name) if file_name is not None else None
        if named is not None and named.evidence.source is Source.KNOWN_FILE:
            return named
        for spelling in (key, key.replace("_", "-")):
            if (value := self.checkpoint.arguments.get(spelling)) is not None:
                return Told(value, Evidence(Source.ARGUMENTS, f"{spelling}={value}"))
        return named

    def ask_for_metres(self, advice: str) -> None:
        """Refuse where nothing but its name says that a model is metric: that tells no number, and relative would be a guess against it."""
        if self.named(METRIC_FILE) is not None:
            raise Refusal(f"{self.file} is metric as its name has it, and nothing says how its predictions become metres: {advice}.")

    def told(self, key: str, setting: Setting) -> Told[Any] | None:
        """What a flag or a config.json says, read, where training arguments of that name would mean something else."""
        stated = self._stated(key)
        return None if stated is None else Told(setting.parse(stated.value), stated.evidence)

    def _stated(self, key: str) -> Told[Any] | None:
        if key in self.overrides:
            return Told(self.overrides[key], Evidence(Source.FLAG, f"{key}={self.overrides[key]}"))
        if self.said.get(key) is not None:
            return Told(self.said[key], Evidence(Source.METADATA, f"{key} in config.json"))
        return None

    def named(self, pattern: re.Pattern[str]) -> Told[re.Match[str]] | None:
        """What the name of the file tells: the one it was published under, else the one it has now."""
        if (known := published_name(self.checkpoint)) and (match := pattern.search(known)):
            return Told(match, Evidence(Source.KNOWN_FILE, known))
        if match := pattern.search(self.checkpoint.name):
            return Told(match, Evidence(Source.FILE_NAME, self.file))
        return None


def nearest_released(family: Family[Any], config: DPTConfig) -> tuple[str, bool]:
    """The published checkpoint of a configuration, or else the one that shares most of it, and False."""
    values = leaves(config)
    scores = {known.name: [values.get(path) == value for path, value in known.values.items()] for known in family.released}
    best = max(scores, key=lambda name: (all(scores[name]), sum(scores[name]) / max(1, len(scores[name]))), default="")
    return best, bool(best) and all(scores[best])
