"""The rows of a table: rules, and groups of rules that there are several times, or only in some configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Union

from muggle_convert.rules import sizes
from muggle_convert.rules.rule import Drop, Rule
from muggle_convert.rules.sizes import Fields, Size, full_path, size_of, value_at
from muggle_convert.rules.templates import Template


@dataclass(frozen=True)
class Each:
    """Rows for every number that a field has, from zero on."""

    field: str
    count: Size
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Given:
    """Rows of networks in whose configuration a value is this one; a file that has any of them is of such a network."""

    path: str
    value: Any
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Where:
    """Rows that only some blocks have, by a function of the encoder's configuration and the fields."""

    holds: Callable[[Any, Fields], bool]
    rows: tuple[Row, ...]
    part: str = ""  # of the configuration, whose encoder is meant


MOST_ALIKE = 10_000  # layers that only their number tells apart


@dataclass(frozen=True)
class Beside:
    """Rows of a network that runs beside another one, whose configuration is a part of that one's."""

    part: str
    rows: tuple[Row, ...]


Row = Union[Rule, Drop, Each, Given, Where, Beside]
Rows = Union[Row, Sequence["Rows"]]  # constructors of layers give several at once


def each(field: str, count: Size, *rows: Rows) -> Each:
    return Each(field, count, flat(rows))


def given(path: str, value: Any, *rows: Rows) -> Given:
    return Given(full_path(path), value, flat(rows))


def optional(path: str, *rows: Rows) -> Given:
    """Rows that are there or not, which a configuration tells as true or false."""
    return given(path, True, *rows)


def where(holds: Callable[[Any, Fields], bool], *rows: Rows) -> Where:
    return Where(holds, flat(rows))


def under(original: str, *rows: Rows, canonical: str = "") -> tuple[Row, ...]:
    """The same rows with a prefix before their names, in the original and in the model."""
    return tuple(_under(row, original, canonical) for row in flat(rows))


def beside(part: str, *rows: Rows) -> Beside:
    """The rows of a network that runs beside another one; in that one its tensors have the name of the part before theirs."""
    return Beside(part, tuple(_of_part(row, part) for row in under("", *rows, canonical=f"{part}.")))


def _of_part(row: Row, part: str) -> Row:
    if isinstance(row, Rule):
        return replace(row, sizes=tuple(tuple(sizes.of_part(size, part) for size in one) for one in row.sizes))
    if isinstance(row, Drop):
        return replace(row, sizes=None if row.sizes is None else tuple(sizes.of_part(size, part) for size in row.sizes))
    inside = tuple(_of_part(one, part) for one in row.rows)
    if isinstance(row, Each):
        return replace(row, count=sizes.of_part(row.count, part), rows=inside)
    if isinstance(row, Given):
        return replace(row, path=f"{part}.{row.path}", rows=inside)
    return replace(row, part=part, rows=inside)


def flat(rows: Rows) -> tuple[Row, ...]:
    return tuple(row for one in rows for row in flat(one)) if isinstance(rows, Sequence) else (rows,)


def every(rows: Iterable[Row], groups: tuple[Row, ...] = ()) -> Iterator[tuple[Rule | Drop, tuple[Row, ...]]]:
    """Every rule with the groups that it is in, the outermost first."""
    for row in rows:
        if isinstance(row, (Rule, Drop)):
            yield row, groups
        else:
            yield from every(row.rows, (*groups, row))


def present(rows: Iterable[Row], config: Any, fields: Fields | None = None) -> Iterator[tuple[Rule | Drop, Fields]]:
    """Every rule that a configuration has a tensor for, once for each, with the fields of its name."""
    fields = fields or {}
    for row in rows:
        if isinstance(row, Each):
            count = size_of(row.count, config, fields)
            if count > MOST_ALIKE:
                raise ValueError(f"{count:,} layers of one kind are more than any network has")
            for number in range(count):
                yield from present(row.rows, config, {**fields, row.field: number})
        elif isinstance(row, Given):
            if value_at(config, row.path) == row.value:
                yield from present(row.rows, config, fields)
        elif isinstance(row, Beside):
            if getattr(config, row.part) is not None:
                yield from present(row.rows, config, fields)
        elif isinstance(row, Where):
            if row.holds(sizes.encoder_of(config, row.part), fields):
                yield from present(row.rows, config, fields)
        else:
            for more in _spelled(row.canonical[0] if isinstance(row, Rule) else row.template, fields):
                yield row, {**fields, **more}


def _spelled(template: Template, fields: Fields) -> Iterator[Fields]:
    """Every value of the fields that are written in words and that no group counts."""
    words = {field: template.words(field) for field in sorted(template.fields - fields.keys())}
    for numbers in product(*(range(count or 0) for count in words.values())):
        yield dict(zip(words, numbers, strict=True))


def _under(row: Row, original: str, canonical: str) -> Row:
    if isinstance(row, (Rule, Drop)):
        return row.under(original, canonical)
    return replace(row, rows=under(original, *row.rows, canonical=canonical))
