"""Rules and tables of rules: every name has exactly one, in either direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from muggle_convert.rules.operations import Operation, Same, Shape, SplitOff, Stack
from muggle_convert.rules.templates import Template, TemplateError, skeleton

if TYPE_CHECKING:
    import numpy as np

Fields = tuple[tuple[str, int], ...]


class RuleError(ValueError):
    """Rules that contradict each other; a mistake in a rule table."""


class Fate(Enum):
    """Why a tensor is not in the converted file."""

    UNUSED = "the network never reads it"
    DERIVABLE = "the network computes it"
    DUPLICATE = "the same as another tensor of the file"


@dataclass(frozen=True)
class Rule:
    """Tensors of the original on the left, tensors of the model on the right, and what makes one out of the other."""

    original: tuple[Template, ...]
    canonical: tuple[Template, ...]
    operation: Operation

    def __post_init__(self) -> None:
        fields = {template.fields for template in (*self.original, *self.canonical)}
        if len(fields) != 1:
            raise TemplateError(f"{self}: every template of a rule has to bind the same fields")

    def __str__(self) -> str:
        return f"{' + '.join(map(str, self.original))} -> {' + '.join(map(str, self.canonical))}"


@dataclass(frozen=True)
class Drop:
    """Tensors that are left out, and why.

    A derivable one says how to compute it again from the encoder's configuration and the fields of its name, so that what is stored can be
    compared; a duplicate names the tensor it repeats; an unused one of another layout, what the original layout calls it.
    """

    template: Template
    reason: str
    fate: Fate = Fate.UNUSED
    derive: Callable[[Any, Mapping[str, int]], np.ndarray] | None = None
    same_as: Template | None = None
    originally: Template | None = None

    def __post_init__(self) -> None:
        if (self.fate is Fate.DERIVABLE) != (self.derive is not None) or (self.fate is Fate.DUPLICATE) != (self.same_as is not None):
            raise RuleError(f"{self.template}: a derivable tensor needs a way to derive it, a duplicate the name it repeats")

    def why(self, fields: Mapping[str, int]) -> str:
        """The reason for one tensor, which for a duplicate is the name it repeats."""
        return f"the same as {self.same_as.write(fields)}" if self.same_as else self.reason

    def __str__(self) -> str:
        return f"{self.template} -> dropped"


def rename(original: str, canonical: str, operation: Operation | None = None) -> Rule:
    """One tensor is one tensor under another name."""
    return Rule((Template(original),), (Template(canonical),), operation or Same())


def split(original: str, first: str, rest: str, axis: int, count: int, at_end: bool = False) -> Rule:
    """One tensor is two: its first `count` entries along an axis and the others, or with `at_end` the others and the last `count`."""
    return Rule((Template(original),), (Template(first), Template(rest)), SplitOff(axis, count, at_end))


def stack(originals: Iterable[str], canonical: str, parts: tuple[int | None, ...]) -> Rule:
    """Several tensors are one, in the order of `parts`; None among the parts stands for zeros."""
    return Rule(tuple(Template(original) for original in originals), (Template(canonical),), Stack(parts))


def unused(template: str, reason: str, originally: str | None = None) -> Drop:
    """A tensor that the network never reads."""
    return Drop(Template(template), reason, originally=Template(originally) if originally else None)


def derivable(template: str, reason: str, derive: Callable[[Any, Mapping[str, int]], np.ndarray]) -> Drop:
    """A tensor that the network computes from its configuration."""
    return Drop(Template(template), reason, Fate.DERIVABLE, derive=derive)


def duplicate(template: str, same_as: str) -> Drop:
    """A second name for a tensor that the file has under another one."""
    return Drop(Template(template), Fate.DUPLICATE.value, Fate.DUPLICATE, same_as=Template(same_as))


@dataclass(frozen=True)
class Place:
    """Where a name stands: its rule or drop, its fields, and which of the rule's templates on that side it is."""

    rule: Rule | Drop
    fields: Fields
    position: int = 0

    def siblings(self, templates: tuple[Template, ...]) -> list[str | None]:
        """The names these templates write for the same fields."""
        return [template.write(dict(self.fields)) for template in templates]


_Table = Mapping[str, tuple[tuple[Template, int, "Rule | Drop"], ...]]


@dataclass(frozen=True)
class RuleSet:
    """A layout: all names of one way to save a family's models, and what each is called in the model.

    Whoever writes it from another layout also has to know which of the dropped tensors a model owns, which follows from its
    configuration and that of its encoder.
    """

    rules: tuple[Rule, ...]
    drops: tuple[Drop, ...] = ()
    owned: Callable[[Any, Any], Mapping[str, Shape]] | None = field(default=None, compare=False)
    _originals: _Table = field(init=False, repr=False, compare=False)
    _canonicals: _Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dropped = [(drop.template, 0, drop) for drop in self.drops]
        original = [(template, position, rule) for rule in self.rules for position, template in enumerate(rule.original)]
        canonical = [(template, position, rule) for rule in self.rules for position, template in enumerate(rule.canonical)]
        object.__setattr__(self, "_originals", _table([*original, *dropped]))
        object.__setattr__(self, "_canonicals", _table(canonical))

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
