"""Tables of rules: every name has exactly one, in either direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from muggle_convert.rules.operations import Shape
from muggle_convert.rules.rows import Rows, every, flat, present
from muggle_convert.rules.rule import Drop, Rule, RuleError
from muggle_convert.rules.sizes import size_of
from muggle_convert.rules.templates import Template, skeleton

Fields = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Place:
    """Where a name stands: its rule or drop, its fields, and which of the rule's templates on that side it is."""

    rule: Rule | Drop
    fields: Fields
    position: int = 0

    def siblings(self, templates: tuple[Template, ...]) -> list[str | None]:
        """The names these templates write for the same fields."""
        return [template.write(dict(self.fields)) for template in templates]


@dataclass(frozen=True)
class Packing:
    """What the code that reads a layout's files expects around their tensors."""

    wrap: str | None = None  # in a file of torch.save, the key under which they are
    prefix: str = ""  # what stands before every name
    backbone: str = ""  # names with this before them are in a file of their own, the backbone's, as they are without it


class RuleSet:
    """A layout: all names of one way to save a family's models, and what each is called in the model.

    `suits` refuses a configuration that the code reading such files would run otherwise, which no tensor tells.
    """

    def __init__(self, *rows: Rows, suits: Callable[[Any], None] = lambda config: None, packing: Packing = Packing()) -> None:
        self.rows = flat(rows)
        self.rules = tuple(rule for rule, _ in every(self.rows) if isinstance(rule, Rule))
        self.drops = tuple(rule for rule, _ in every(self.rows) if isinstance(rule, Drop))
        self.packing = packing
        self._suits = suits

    @cached_property
    def _originals(self) -> _Table:
        rules = [(template, position, rule) for rule in self.rules for position, template in enumerate(rule.original)]
        return _table([*rules, *((drop.template, 0, drop) for drop in self.drops)])

    @cached_property
    def _canonicals(self) -> _Table:
        """Without what no file of the layout has, which is no name of it in the model either."""
        return _table(
            [(template, position, rule) for rule in self.rules if rule.original for position, template in enumerate(rule.canonical)]
        )

    def of_original(self, name: str) -> Place | None:
        """The one rule or drop for a name of the original; None where there is none."""
        return _look_up(self._originals, name)

    def of_canonical(self, name: str) -> Place | None:
        """The one rule for a name of the model; None where there is none."""
        return _look_up(self._canonicals, name)

    def originals_of(self, canonical: str) -> list[str]:
        """The names in the original that make up a tensor of the model."""
        place = self.of_canonical(canonical)
        if place is None or isinstance(place.rule, Drop):
            raise RuleError(f"no rule makes {canonical}")
        names = place.siblings(place.rule.original)
        if None in names:
            raise RuleError(f"{place.rule} cannot write the original name of {canonical}")
        return [name for name in names if name is not None]

    def owned(self, config: Any) -> dict[str, Shape]:
        """Which of the dropped tensors a model of this layout owns, with their shapes, for whoever writes it from another layout."""
        self._suits(config)
        found: dict[str, Shape] = {}
        for drop, fields in present(self.rows, config):
            if isinstance(drop, Drop) and drop.sizes is not None and (name := drop.template.write(fields)) is not None:
                found[name] = tuple(size_of(size, config, fields) for size in drop.sizes)
        return found

    def check(self, canonical_names: Iterable[str]) -> None:
        """Hold the table against every name a model has: each has one rule, and the way back ends where it began."""
        wanted = set(canonical_names)
        owners: dict[str, Place] = {}
        for name in sorted(wanted):
            place = self.of_canonical(name)
            for original in self.originals_of(name):
                forward = self.of_original(original)
                if place is None or forward is None or (forward.rule, forward.fields) != (place.rule, place.fields):
                    raise RuleError(f"{name} goes back to {original}, which does not lead to {name}")
                if (owner := owners.setdefault(original, place)) != place and (owner.rule, owner.fields) != (place.rule, place.fields):
                    raise RuleError(f"{original} would become two tensors by two rules: {owner.rule} and {place.rule}")
            assert place is not None and isinstance(place.rule, Rule)
            if missing := [sibling for sibling in place.siblings(place.rule.canonical) if sibling not in wanted]:
                raise RuleError(f"{place.rule} also makes {missing[0]}, which the model does not have")


_Table = Mapping[str, tuple[tuple[Template, int, "Rule | Drop"], ...]]


def _table(rows: Iterable[tuple[Template, int, Rule | Drop]]) -> _Table:
    table: dict[str, list[tuple[Template, int, Rule | Drop]]] = {}
    for template, position, rule in rows:
        for key in dict.fromkeys(template.skeletons()):
            table.setdefault(key, []).append((template, position, rule))
    return {key: tuple(entries) for key, entries in table.items()}


def _look_up(table: _Table, name: str) -> Place | None:
    found = [
        Place(rule, tuple(sorted(fields.items())), position)
        for template, position, rule in table.get(skeleton(name), ())
        if (fields := template.match(name)) is not None
    ]
    if len(found) > 1:
        raise RuleError(f"{name} has two rules: {found[0].rule} and {found[1].rule}")
    return found[0] if found else None
