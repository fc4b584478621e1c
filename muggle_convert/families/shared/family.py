"""What the converter has to know of one family of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from model_defs.config import DPTConfig, EncoderConfig
from model_defs.plain_values import leaves
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import Setting
from muggle_convert.rules import RuleSet, Shape, Table

Encoder = TypeVar("Encoder", bound=EncoderConfig)


@dataclass(frozen=True)
class Released:
    """A checkpoint somebody published: its name, and values of the configuration that only it has in its family."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Glance:
    """What sets a family apart, in a few words each, for the table in the documents."""

    taps: str  # what goes on to reassembly
    maps: str  # what the decoder's maps are made from
    decoder: str  # how its fusion and its head enlarge
    input: str  # the size of the pictures in training, and how others are fitted to it


@dataclass(frozen=True)
class Transformers(Generic[Encoder]):
    """How the transformers library holds a family: its names, and the config.json that its models are built from."""

    layouts: Mapping[str, RuleSet]  # what is written comes first
    config: Callable[[DPTConfig, Encoder], Mapping[str, Any]]
    square: Callable[[DPTConfig, Encoder], int] | None = None  # the side that pictures need where its class takes squares only
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # what config.json has to say otherwise than for most
    preprocessor: Mapping[str, Any] = field(default_factory=dict)  # what its preprocessor_config.json has otherwise than most


@dataclass(frozen=True)
class Family(Generic[Encoder]):
    """One family of models: its table of tensors in every layout, and how the rest of its configuration is found out."""

    name: str
    title: str
    citations: tuple[str, ...]
    encoder: type[Encoder]  # the configuration of the encoder that all its models have
    layouts: Mapping[str, RuleSet]
    configure: Callable[[Reading], DPTConfig]
    file_names: re.Pattern[str]  # what its files are called in the wild
    glance: Glance
    released: tuple[Released, ...] = ()
    published: tuple[Published, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    transformers: Transformers[Encoder] | None = None

    @property
    def every_layout(self) -> Mapping[str, RuleSet]:
        return {**self.layouts, **(self.transformers.layouts if self.transformers else {})}

    @cached_property
    def table(self) -> Table:
        return Table(self.layouts.values())

    def inventory(self, config: DPTConfig) -> Mapping[str, Shape]:
        """Every tensor a network of this configuration holds, by name, in the order of the files that are written."""
        assert isinstance(config.encoder, self.encoder)
        return self.table.inventory(config)

    def nearest_released(self, config: DPTConfig) -> tuple[str, bool]:
        """The published checkpoint of a configuration, or else the one that shares most of it, and False."""
        values = leaves(config)
        scores = {known.name: [values.get(path) == value for path, value in known.values.items()] for known in self.released}
        best = max(scores, key=lambda name: (all(scores[name]), sum(scores[name]) / max(1, len(scores[name]))), default="")
        return best, bool(best) and all(scores[best])
