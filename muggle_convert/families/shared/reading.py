"""A checkpoint under the names of the model: what its shapes tell, and everything else that a family may ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from muggle_convert.checkpoints import Checkpoint, TensorEntry, printable, shown
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.config_json import said_by
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Findings, Source, Told, Value
from muggle_convert.families.shared.settings import Setting
from muggle_convert.rules import Drop, Measured, Misfit, Missing, Shape, Table
from muggle_convert.rules.templates import Template

METRIC_FILE = re.compile(r"(?<![a-z])metric(?!s)", re.IGNORECASE)
# What suggests that a model was trained to predict metres, though not up to how many: data, options, and measures that relative depth has not.
METRIC_DATA = re.compile(r"metric[_-]?depth|(?<![a-z])(hypersim|v?kitti|nyu)", re.IGNORECASE)
METRIC_KEY = re.compile(r"max_?depth|depth_?max|metric_?depth|(is|use)_?metric|silog|scale_?invariant", re.IGNORECASE)
NESTED = ("max_depth",)  # settings that mean the same in whatever group of training arguments they stand

Part = TypeVar("Part")


@dataclass(kw_only=True)
class Reading(Findings):
    """What a family's `configure` works with. Whatever the table of its tensors tells has its evidence already."""

    family: str
    table: Table
    checkpoint: Checkpoint
    shapes: Mapping[str, Shape]  # by name in the model
    origins: Mapping[str, tuple[str, ...]]  # the names in the checkpoint each was made from
    dropped: Mapping[str, tuple[Drop, Mapping[str, int]]]  # by name in the checkpoint
    overrides: Mapping[str, Any]
    called: Callable[[str], str]  # what the checkpoint calls a tensor of the model, be it there or not
    published: str | None = None  # the name under which these weights were published
    measured: Measured = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.measured = self.table.measure(self.shapes)
        except Misfit as misfit:
            raise Contradiction(f"{self.looks} but {self.describe(misfit.name)}, where {misfit.expected}.") from None
        except Missing as missing:
            if missing.there is None:
                raise self.lacks(missing.name) from None
            raise Contradiction(
                f"{self.looks} but has a gap: {self.called(missing.name)} is missing while {self.called(missing.there)} is there."
            ) from None
        for path, names in self.measured.told_by.items():
            self.because(Evidence(Source.SHAPE, self.describe_all(names)), path)
        for path, (first, last) in self.measured.counted.items():
            alike = " and so on" if isinstance(self.measured.values[path], tuple) else ""
            self.because(Evidence(Source.SHAPE, f"{self.called(first)} to {self.called(last)}{alike}"), path)
        for path, name in self.measured.absent.items():
            self.because(Evidence(Source.SHAPE, f"there is no {self.called(name)}"), path)

    @property
    def file(self) -> str:
        """The file as messages call it."""
        return printable(self.checkpoint.name)

    @property
    def looks(self) -> str:
        """How a sentence about a contradiction begins."""
        return f"{self.file} looks like {self.family}"

    def lacks(self, name: str) -> Contradiction:
        return Contradiction(f"{self.looks} but lacks {self.called(name)}; the file is incomplete or of another family.")

    def of_part(self, part: str) -> Reading:
        """The tensors of a network whose configuration is a part of another's, under their names in that network alone."""
        prefix = f"{part}."
        of_part = {name.removeprefix(prefix): name for name in self.shapes if name.startswith(prefix)}
        return replace(
            self,
            shapes={name: self.shapes[there] for name, there in of_part.items()},
            origins={name: self.origins[there] for name, there in of_part.items()},
            called=lambda name: self.called(prefix + name),
            evidence={},
        )

    def because_of_part(self, part: str, inside: Reading) -> None:
        """What was found out about that network, under the paths of the whole."""
        self.evidence |= {f"{part}.{path}": evidence for path, evidence in inside.evidence.items()}

    # What shapes tell.

    def value(self, path: str) -> Any:
        """A value that the table of tensors tells."""
        if path not in self.measured.values:
            raise self.lacks(self.table.missing(path))
        return self.measured.values[path]

    def compose(self, part: type[Part], path: str, **known: Any) -> Part:
        """A part of the configuration from what shapes tell of it and what else is known."""
        values = {one.name: self.measured.values.get(f"{path}.{one.name}", MISSING) for one in fields(part)}  # type: ignore[arg-type]
        for one in fields(part):  # type: ignore[arg-type]
            if values[one.name] is MISSING and one.name not in known and one.default is MISSING:
                self.value(f"{path}.{one.name}")
        return part(**{**{name: value for name, value in values.items() if value is not MISSING}, **known})

    def has(self, name: str) -> bool:
        return name in self.shapes

    def shape(self, name: str) -> Shape:
        """The shape of a tensor that has to be there."""
        if name not in self.shapes:
            raise self.lacks(name)
        return self.shapes[name]

    def measure(self, path: str, name: str, value: Callable[[Shape], Value]) -> Value:
        """A value that is no simple multiple of a size, read from the shape of one tensor."""
        return self.note(path, self._measured(name, value), Source.SHAPE, self.describe(name))

    def measure_all(self, path: str, names: Sequence[str], value: Callable[[Shape], Value]) -> tuple[Value, ...]:
        """A list of such values, one from each of several tensors."""
        return self.note(path, tuple(self._measured(name, value) for name in names), Source.SHAPE, self.describe_all(names))

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
            raise Contradiction(f"{self.looks} but {self.describe(name)}, which no such network has.") from None

    def count(self, template: str) -> int:
        """How many entries a numbered list has; the numbers have to run from zero without a gap."""
        compiled = Template(template)
        numbers = sorted({found["n"] for name in self.shapes if (found := compiled.match(name)) is not None})
        for expected, number in enumerate(numbers):
            if number != expected:
                missing, there = (self.called(template.replace("{n}", str(one))) for one in (expected, number))
                raise Contradiction(f"{self.looks} but has a gap: {missing} is missing while {there} is there.")
        if not numbers:
            raise self.lacks(template.replace("{n}", "0"))
        return len(numbers)

    def stored(self, pattern: str) -> list[TensorEntry]:
        """Dropped tensors whose names in the checkpoint match a template, in the order of the file."""
        compiled = Template(pattern)
        return [self.checkpoint.tensors[name] for name in self.dropped if compiled.match(name) is not None]

    # What somebody or something says.

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """What the config.json beside the file says, by the names of settings."""
        return said_by(self.checkpoint.sidecar)

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
        return (self._told_deeper(key) if key in NESTED else None) or named

    def _told_deeper(self, key: str) -> Told[Any] | None:
        """What training arguments say of the model in groups of their own, as OmegaConf's do: refused where they say two things."""
        said = {path: value for path, value in self.checkpoint.arguments.items() if path.rpartition(".")[2].replace("-", "_") == key}
        if len(set(map(str, said.values()))) > 1:
            (one, other), way = list(said)[:2], f"--set {key}=VALUE"
            raise Refusal(
                f"{self.file} was trained with {printable(one)}={shown(said[one])} and {printable(other)}={shown(said[other])}: pass {way}."
            )
        return next((Told(value, Evidence(Source.ARGUMENTS, f"{path}={value}")) for path, value in said.items()), None)

    def told(self, key: str, setting: Setting) -> Told[Any] | None:
        """What a flag or a config.json says, read, where training arguments of that name would mean something else."""
        stated = self._stated(key)
        return None if stated is None else Told(setting.parse(stated.value), stated.evidence)

    def named(self, pattern: re.Pattern[str]) -> Told[re.Match[str]] | None:
        """What the name of the file tells: the one it was published under, else the one it has now."""
        if self.published and (match := pattern.search(self.published)):
            return Told(match, Evidence(Source.KNOWN_FILE, self.published))
        if match := pattern.search(self.checkpoint.name):
            return Told(match, Evidence(Source.FILE_NAME, self.file))
        return None

    def ask_for_metres(self, advice: str) -> None:
        """Refuse where something hints that a model is metric and tells no number: relative would be a guess against it."""
        if self.named(METRIC_FILE) is not None:
            raise Refusal(f"{self.file} is metric as its name has it, and nothing says how its predictions become metres: {advice}.")
        if hint := self._hint_at_metres():
            raise Refusal(f"{self.file} {hint}, which hints at metres, and nothing says how its predictions become some: {advice}.")

    def _hint_at_metres(self) -> str | None:
        """What its folder, its training arguments or the measures of its trainer suggest."""
        folder = self.checkpoint.path.parent.name
        for words in (folder, self.checkpoint.name):
            if METRIC_DATA.search(words) is not None:
                return f"is called {printable(words)}" if words is self.checkpoint.name else f"lies in the folder {printable(words)}"
        for path, value in self.checkpoint.arguments.items():
            texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
            if value and (METRIC_KEY.search(path) is not None or any(METRIC_DATA.search(text) for text in texts)):
                return f"was trained with {printable(path)}={shown(value)}"
        return None

    def _stated(self, key: str) -> Told[Any] | None:
        if key in self.overrides:
            return Told(self.overrides[key], Evidence(Source.FLAG, f"{key}={self.overrides[key]}"))
        if self.said.get(key) is not None:
            return Told(self.said[key], Evidence(Source.METADATA, f"{key} in config.json"))
        return None
