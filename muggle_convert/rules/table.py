"""What a family's layouts agree on: every tensor of its networks under the network's own names, with its size.

From it follow, in one direction, all tensors that a configuration has; and in the other, the configuration that tensors tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from muggle_convert.rules.operations import Shape
from muggle_convert.rules.rows import Beside, Each, Given, Row, Where, every, present
from muggle_convert.rules.rule import Rule, RuleError
from muggle_convert.rules.ruleset import RuleSet
from muggle_convert.rules.sizes import Fields, Sizes, full_path, size_of, told_by
from muggle_convert.rules.templates import Template, skeleton

Place = tuple[str, int | None]  # a value of the configuration: its path, and its number in a list


class Misfit(ValueError):
    """A tensor that no configuration of the family has in this way: its name, and what was expected of it."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: {expected}")
        self.name = name
        self.expected = expected


class Missing(ValueError):
    """A tensor that has to be there, beside one that is."""

    def __init__(self, name: str, there: str | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.there = there


@dataclass(frozen=True)
class Measured:
    """What shapes tell of a configuration, by full paths, and the names of the tensors that tell it."""

    values: Mapping[str, Any]
    told_by: Mapping[str, tuple[str, ...]]
    counted: Mapping[str, tuple[str, str]]  # by the path of a number of layers, the first and the last of the first tensors counted
    absent: Mapping[str, str]  # by the path of what is false, a tensor that would make it true


@dataclass(frozen=True)
class _Entry:
    """One tensor of a rule, and the groups that the rule is in."""

    template: Template
    sizes: Sizes
    groups: tuple[Row, ...]

    @cached_property
    def counted(self) -> Mapping[str, Each]:
        return {group.field: group for group in self.groups if isinstance(group, Each)}

    def name(self, fields: Fields) -> str:
        """A name of the template's, with zero for whatever is not given."""
        return self.template.write({**dict.fromkeys(self.template.fields, 0), **fields}) or self.template.text

    def reaches(self, fields: Fields) -> bool:
        """Whether there can be that many of the layer, where their number is fixed."""
        return all(fields[group.field] < group.count for group in self.counted.values() if isinstance(group.count, int))

    def require_all(self, found: list[Fields]) -> None:
        """Where there is a fixed number of a layer, one of them is never alone."""
        for group in self.counted.values():
            if isinstance(group.count, int) and not any(isinstance(one, Where) for one in self.groups):
                there = {fields[group.field] for fields in found}
                for number in range(self.template.words(group.field) or group.count):
                    if number < group.count and number not in there:
                        raise Missing(self.name({**found[0], group.field: number}))


class Table:
    """The rows of several layouts, of which the same tensor has the same size in all."""

    def __init__(self, layouts: Iterable[RuleSet]) -> None:
        self._layouts = tuple(layouts)
        self._entries: list[_Entry] = []
        self._by_skeleton: dict[str, list[_Entry]] = {}
        known: dict[str, Sizes] = {}
        for layout in self._layouts:
            for rule, groups in every(layout.rows):
                if isinstance(rule, Rule):
                    for template, sizes in zip(rule.canonical, rule.sizes, strict=False):
                        self._add(_Entry(template, sizes, groups), known)

    def _add(self, entry: _Entry, known: dict[str, Sizes]) -> None:
        if (before := known.setdefault(entry.template.text, entry.sizes)) != entry.sizes:
            raise RuleError(f"{entry.template} has the sizes {before} in one layout and {entry.sizes} in another")
        if uncounted := [one for one in entry.template.fields - entry.counted.keys() if entry.template.words(one) is None]:
            raise RuleError(f"nothing says how many {uncounted[0]} there are in {entry.template}")
        self._entries.append(entry)
        for key in dict.fromkeys(entry.template.skeletons()):
            self._by_skeleton.setdefault(key, []).append(entry)

    def inventory(self, config: Any) -> dict[str, Shape]:
        """Every tensor a network of this configuration holds, by name, in the order of the table."""
        found: dict[str, Shape] = {}
        for layout in self._layouts:
            for rule, fields in present(layout.rows, config):
                if isinstance(rule, Rule):
                    for template, sizes in zip(rule.canonical, rule.sizes, strict=False):
                        name = template.write(fields)
                        if name is not None and name not in found:
                            found[name] = tuple(size_of(size, config, fields) for size in sizes)
        return found

    def sizes_of(self, name: str) -> Sizes:
        """How a tensor's shape is written in the table; nothing where there is no such tensor."""
        placed = self._placed(name)
        return placed[0].sizes if placed else ()

    def measure(self, shapes: Mapping[str, Shape]) -> Measured:
        """The configuration that these tensors tell, as far as they do; Misfit or Missing where they tell none."""
        found: dict[int, list[tuple[Fields, str]]] = {}
        for name in shapes:
            if (placed := self._placed(name)) is not None and placed[0].reaches(placed[1]):
                found.setdefault(id(placed[0]), []).append((placed[1], name))
        reading = _Reading()
        for entry in self._entries:
            tensors = sorted(found.get(id(entry), ()), key=lambda one: sorted(one[0].items()))
            for fields, name in tensors:
                reading.read(entry, fields, name, shapes[name])
            if tensors:
                entry.require_all([fields for fields, _ in tensors])
            elif not any(isinstance(group, Beside) for group in entry.groups):
                reading.note_absence(entry)
        return reading.measured()

    def missing(self, path: str) -> str:
        """The name of the first tensor that would tell a value."""
        for entry in self._entries:
            for size in entry.sizes:
                known = told_by(size, 0, dict.fromkeys(entry.template.fields, 0)) if isinstance(size, str) else None
                if known is not None and known.path == path:
                    return entry.name({})
            for group in entry.groups:
                if isinstance(group, Each) and isinstance(group.count, str) and full_path(group.count.partition("[")[0]) == path:
                    return entry.name({})
        raise RuleError(f"no tensor tells {path}")

    def _placed(self, name: str) -> tuple[_Entry, Fields] | None:
        for entry in self._by_skeleton.get(skeleton(name), ()):
            if (fields := entry.template.match(name)) is not None:
                return entry, fields
        return None


@dataclass
class _Count:
    """The numbers that a field of some names has, each with a tensor that has it."""

    entry: _Entry
    fields: Fields  # of the first one
    field: str
    names: dict[int, str]

    def ends(self) -> tuple[str, str]:
        """The first and the last of the tensors; Missing where the numbers do not run from zero without a gap."""
        for expected, number in enumerate(sorted(self.names)):
            if number != expected:
                raise Missing(self.entry.name({**self.fields, self.field: expected}), self.names[number])
        return self.names[0], self.names[len(self.names) - 1]


@dataclass
class _Reading:
    """What has been read so far; the first tensor in the table's order that tells a value decides it."""

    known: dict[Place, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    counts: dict[Place, _Count] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def read(self, entry: _Entry, fields: Fields, name: str, shape: Shape) -> None:
        if len(shape) != len(entry.sizes):
            raise Misfit(name, f"{len(entry.sizes)} axes were expected")
        for size, number in zip(entry.sizes, shape, strict=True):
            try:
                told = told_by(size, number, fields)
            except ValueError as problem:
                raise Misfit(name, str(problem)) from None
            if told is not None:
                self.known.setdefault((told.path, told.index), (told.value, (name,)))
        for group in entry.groups:
            if isinstance(group, Given):
                self.known.setdefault((group.path, None), (group.value, (name,)))
            elif isinstance(group, Each) and isinstance(group.count, str):
                counted = told_by(group.count, 0, fields)
                if counted is not None:
                    place = (counted.path, counted.index)
                    count = self.counts.setdefault(place, _Count(entry, fields, group.field, {}))
                    count.names.setdefault(fields[group.field], name)

    def note_absence(self, entry: _Entry) -> None:
        for group in entry.groups:
            if isinstance(group, Given) and group.value is True:
                self.absent.setdefault(group.path, entry.name({}))

    def measured(self) -> Measured:
        ends = {place: count.ends() for place, count in self.counts.items()}
        counted = {path: names for (path, _), names in reversed(ends.items())}
        known = {**self.known, **{place: (len(self.counts[place].names), names) for place, names in ends.items()}}
        absent = {path: name for path, name in self.absent.items() if (path, None) not in known}
        values: dict[str, Any] = dict.fromkeys(absent, False)
        told: dict[str, tuple[str, ...]] = {}
        lists: dict[str, dict[int, Any]] = {}
        for (path, index), (value, names) in known.items():
            told[path] = (*told.get(path, ()), *names)
            if index is None:
                values[path] = value
            else:
                lists.setdefault(path, {})[index] = value
        values |= {path: tuple(entries[index] for index in sorted(entries)) for path, entries in lists.items()}
        return Measured(values, {path: names for path, names in told.items() if path not in counted}, counted, absent)
