"""Names with fields in them, such as `pretrained.blocks.{n}.attn.qkv.{p:parameter}`.

A template compiles to one anchored regular expression, and writes the name back from the fields it read. A field is always
a whole number that is zero or more; a placeholder says how the number is written:

    {n}  {n+1}  {4-n}  {2*n+1}     in digits, after some arithmetic that can be undone
    {n//2} with {n%2}              as a pair, both in the same template
    {p:weight|bias}                as the word at that position
    {p:parameter}                  the same, with a list of words that has a name (see WORDS)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

WORDS: Mapping[str, tuple[str, ...]] = {
    "parameter": ("weight", "bias"),
    "batch_norm": ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
    "scale": ("spatial_upx4", "spatial_upx2", "spatial_noscale", "spatial_downx2"),
}

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ARITHMETIC = re.compile(r"(?:(?P<factor>\d+)\*)?(?P<field>[a-z_]+)(?:(?P<sign>[+-])(?P<offset>\d+))?")
_MIRRORED = re.compile(r"(?P<offset>\d+)-(?P<field>[a-z_]+)")
_DIVISION = re.compile(r"(?P<field>[a-z_]+)(?P<operator>//|%)(?P<divisor>[1-9]\d*)")
_SPELLED = re.compile(r"(?P<field>[a-z_]+):(?P<words>.+)")
_DIGITS = re.compile(r"\d+")


class TemplateError(ValueError):
    """A template that cannot be undone or that does not say what it means; a mistake in a rule table."""


@dataclass(frozen=True)
class Placeholder:
    """One field as written at one place: factor * field + offset, a quotient, or a remainder; in digits or in words."""

    field: str
    factor: int = 1
    offset: int = 0
    divisor: int = 1
    remainder: bool = False
    words: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        if self.words:
            return "(" + "|".join(re.escape(word) for word in sorted(self.words, key=len, reverse=True)) + ")"
        return "(0|[1-9][0-9]{0,5})"

    def number(self, text: str) -> int:
        return self.words.index(text) if self.words else int(text)

    def write(self, value: int) -> str | None:
        """The text for a field's value; None where this placeholder cannot write it."""
        if self.remainder:
            written = value % self.divisor
        elif self.divisor > 1:
            written = value // self.divisor
        else:
            written = self.factor * value + self.offset
        if written < 0 or (self.words and written >= len(self.words)):
            return None
        return self.words[written] if self.words else str(written)


@dataclass(frozen=True)
class Template:
    """A pattern of names; equal text means an equal template."""

    text: str

    def __post_init__(self) -> None:
        if {"{", "}"} & set(_PLACEHOLDER.sub("", self.text)):
            raise TemplateError(f"{self.text}: a brace has no partner; write fields as {{n}}")
        for field in self.fields:
            placeholders = [placeholder for placeholder in self._placeholders if placeholder.field == field]
            if not any(placeholder.divisor == 1 for placeholder in placeholders):
                quotients = {placeholder.divisor for placeholder in placeholders if not placeholder.remainder}
                remainders = {placeholder.divisor for placeholder in placeholders if placeholder.remainder}
                if quotients != remainders or len(quotients) != 1:
                    raise TemplateError(
                        f"{self.text}: {{{field}}} cannot be worked out from what is written; give both {field}//k and {field}%k"
                    )

    @cached_property
    def fields(self) -> frozenset[str]:
        return frozenset(placeholder.field for placeholder in self._placeholders)

    def match(self, name: str) -> dict[str, int] | None:
        """The fields of a name; None where the name is not one of this template's."""
        found = self._expression.fullmatch(name)
        if found is None:
            return None
        fields: dict[str, int] = {}
        quotients: dict[str, int] = {}
        for placeholder, text in zip(self._placeholders, found.groups(), strict=True):
            written = placeholder.number(text)
            if placeholder.divisor > 1:
                if placeholder.remainder and written >= placeholder.divisor:
                    return None
                scaled = written if placeholder.remainder else written * placeholder.divisor
                quotients[placeholder.field] = quotients.get(placeholder.field, 0) + scaled
                continue
            value, left_over = divmod(written - placeholder.offset, placeholder.factor)
            if left_over or value < 0 or fields.setdefault(placeholder.field, value) != value:
                return None
        found_fields = {**quotients, **fields}
        if quotients.keys() & fields.keys() and self.write(found_fields) != name:
            return None  # what a field is and the quotient written beside it are not of one number
        return found_fields

    def write(self, fields: Mapping[str, int]) -> str | None:
        """The name for these fields; None where no name of this template has them."""
        pieces = [placeholder.write(fields[placeholder.field]) for placeholder in self._placeholders]
        if any(piece is None for piece in pieces):
            return None
        texts = iter(piece for piece in pieces if piece is not None)
        return _PLACEHOLDER.sub(lambda _: next(texts), self.text)

    def words(self, field: str) -> int | None:
        """How many values a field has that is written in words; None where it is only written in digits."""
        counts = [len(placeholder.words) for placeholder in self._placeholders if placeholder.field == field and placeholder.words]
        return min(counts, default=None)

    def after(self, prefix: str) -> Template:
        """The same behind a prefix, which may have fields of its own."""
        return Template(prefix + self.text)

    def skeletons(self) -> Iterator[str]:
        """The names with every number replaced by #, so that a table of rules is looked up instead of searched."""
        literals = _PLACEHOLDER.split(self.text)[::2]
        for texts in product(*(placeholder.words or ("#",) for placeholder in self._placeholders)):
            yield skeleton("".join(literal + text for literal, text in zip(literals, [*texts, ""], strict=True)))

    def __str__(self) -> str:
        return self.text

    @cached_property
    def _placeholders(self) -> tuple[Placeholder, ...]:
        return tuple(_placeholder(inside, self.text) for inside in _PLACEHOLDER.findall(self.text))

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        literals = _PLACEHOLDER.split(self.text)[::2]
        patterns = [placeholder.pattern for placeholder in self._placeholders] + [""]
        return re.compile("".join(re.escape(literal) + pattern for literal, pattern in zip(literals, patterns, strict=True)))


@lru_cache(maxsize=1 << 16)  # every layout of every family asks for that of the same names
def skeleton(name: str) -> str:
    """A name with every number replaced by #."""
    return _DIGITS.sub("#", name)


def _placeholder(inside: str, text: str) -> Placeholder:
    if spelled := _SPELLED.fullmatch(inside):
        words = WORDS.get(spelled["words"]) or tuple(spelled["words"].split("|"))
        if len(set(words)) != len(words) or len(words) < 2:
            raise TemplateError(
                f"{text}: {{{inside}}} needs two or more different words, or the name of a list of words: {', '.join(WORDS)}"
            )
        return Placeholder(spelled["field"], words=words)
    if division := _DIVISION.fullmatch(inside):
        divisor = int(division["divisor"])
        if divisor == 1:
            raise TemplateError(f"{text}: {{{inside}}} divides by one")
        return Placeholder(division["field"], divisor=divisor, remainder=division["operator"] == "%")
    if mirrored := _MIRRORED.fullmatch(inside):
        return Placeholder(mirrored["field"], factor=-1, offset=int(mirrored["offset"]))
    if arithmetic := _ARITHMETIC.fullmatch(inside):
        factor = int(arithmetic["factor"] or 1)
        if factor == 0:
            raise TemplateError(f"{text}: {{{inside}}} multiplies by zero")
        offset = int(arithmetic["offset"] or 0)
        return Placeholder(arithmetic["field"], factor=factor, offset=-offset if arithmetic["sign"] == "-" else offset)
    raise TemplateError(
        f"{text}: {{{inside}}} is not a field; write {{n}}, {{n+1}}, {{4-n}}, {{2*n+1}}, {{n//2}} with {{n%2}}, or {{p:weight|bias}}"
    )
