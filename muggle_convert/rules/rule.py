"""Rules: which tensors of an original make which of a network, how large those are, and what is left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from muggle_convert.rules.operations import Operation, Same, SplitOff, Stack
from muggle_convert.rules.sizes import Sizes
from muggle_convert.rules.templates import Template, TemplateError

if TYPE_CHECKING:
    import numpy as np

    Derive = Callable[[Any, Mapping[str, int]], np.ndarray]


class RuleError(ValueError):
    """Rules that contradict each other; a mistake in a rule table."""


class Fate(Enum):
    """Why a tensor is not in the converted file."""

    UNUSED = "the network never reads it"
    NOT_RUN = "of a part that is not run here"
    DERIVABLE = "the network computes it"
    DUPLICATE = "the same as another tensor of the file"


@dataclass(frozen=True)
class Rule:
    """Tensors of the original on the left, tensors of the model on the right, and what makes one out of the other.

    Without a left side no file of this layout has the tensors. The sizes are those of the right side; a layout that only spells the names
    of a family differently leaves them out.
    """

    original: tuple[Template, ...]
    canonical: tuple[Template, ...]
    operation: Operation = Same()
    sizes: tuple[Sizes, ...] = ()

    def __post_init__(self) -> None:
        fields = {template.fields for template in (*self.original, *self.canonical)}
        if len(fields) != 1:
            raise TemplateError(f"{self}: every template of a rule has to bind the same fields")
        if self.sizes and len(self.sizes) != len(self.canonical):
            raise RuleError(f"{self}: sizes of {len(self.sizes)} tensors do not belong to {len(self.canonical)}")

    def under(self, original: str, canonical: str) -> Rule:
        return replace(
            self,
            original=tuple(template.after(original) for template in self.original),
            canonical=tuple(template.after(canonical) for template in self.canonical),
        )

    def __str__(self) -> str:
        return f"{' + '.join(map(str, self.original)) or 'nothing'} -> {' + '.join(map(str, self.canonical))}"


@dataclass(frozen=True)
class Drop:
    """Tensors that are left out, and why.

    A derivable one says how to compute it again from the configuration and the fields of its name, so that what is stored can be
    compared; a duplicate names the tensor it repeats; an unused one of another layout, what the original layout calls it. Where the sizes
    are given, a model of the layout owns the tensor, so that whoever writes the layout from another one has to make it up.
    """

    template: Template
    reason: str
    fate: Fate = Fate.UNUSED
    derive: Derive | None = None
    same_as: Template | None = None
    originally: Template | None = None
    sizes: Sizes | None = None

    def __post_init__(self) -> None:
        if (self.fate is Fate.DERIVABLE) != (self.derive is not None) or (self.fate is Fate.DUPLICATE) != (self.same_as is not None):
            raise RuleError(f"{self.template}: a derivable tensor needs a way to derive it, a duplicate the name it repeats")

    def why(self, fields: Mapping[str, int]) -> str:
        """The reason for one tensor, which for a duplicate is the name it repeats."""
        return f"the same as {self.same_as.write(fields)}" if self.same_as else self.reason

    def under(self, original: str, canonical: str) -> Drop:
        return replace(
            self, template=self.template.after(original), same_as=self.same_as.after(original) if self.same_as is not None else None
        )

    def __str__(self) -> str:
        return f"{self.template} -> dropped"


def rename(original: str, canonical: str, operation: Operation | None = None, sizes: Sizes | None = None) -> Rule:
    """One tensor is one tensor under another name."""
    return Rule((Template(original),), (Template(canonical),), operation or Same(), (sizes,) if sizes is not None else ())


def split(
    original: str, first: str, rest: str, axis: int, count: int, at_end: bool = False, sizes: tuple[Sizes, Sizes] | tuple[()] = ()
) -> Rule:
    """One tensor is two: its first `count` entries along an axis and the others, or with `at_end` the others and the last `count`."""
    return Rule((Template(original),), (Template(first), Template(rest)), SplitOff(axis, count, at_end), sizes)


def stack(originals: Iterable[str], canonical: str, parts: tuple[int | None, ...], sizes: Sizes | None = None) -> Rule:
    """Several tensors are one, in the order of `parts`; None among the parts stands for zeros."""
    together = tuple(Template(original) for original in originals)
    return Rule(together, (Template(canonical),), Stack(parts), (sizes,) if sizes is not None else ())


def unused(template: str, reason: str, originally: str | None = None, sizes: Sizes | None = None) -> Drop:
    """A tensor that the network never reads."""
    return Drop(Template(template), reason, originally=Template(originally) if originally else None, sizes=sizes)


def not_run(template: str, reason: str) -> Drop:
    """A tensor of a part that the original runs and no network here does; conversions keep it, so that an export has it again."""
    return Drop(Template(template), reason, Fate.NOT_RUN)


def derivable(template: str, reason: str, derive: Derive, sizes: Sizes | None = None) -> Drop:
    """A tensor that the network computes from its configuration."""
    return Drop(Template(template), reason, Fate.DERIVABLE, derive=derive, sizes=sizes)


def duplicate(template: str, same_as: str) -> Drop:
    """A second name for a tensor that the file has under another one."""
    return Drop(Template(template), Fate.DUPLICATE.value, Fate.DUPLICATE, same_as=Template(same_as))
