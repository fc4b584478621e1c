from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from muggle_convert.rules.sizes import Known, SizeError, Through, names_in, size_of, told_by

ENCODER = SimpleNamespace(width=64, depths=(2, 6), grid=(3, 3))
CONFIG = SimpleNamespace(encoder=ENCODER, fusion=SimpleNamespace(widths=(8, 16)))
SQUARE = Through("grid", math.prod, lambda count: {9: (3, 3)}.get(count), "a square grid")


@pytest.mark.parametrize(
    ("size", "fields", "number"),
    [
        (7, {}, 7),
        ("width", {}, 64),
        ("3*width", {}, 192),
        ("width//4", {}, 16),
        ("depths[s]", {"s": 1}, 6),
        ("depths[s + 1]", {"s": 0}, 6),
        ("2*width << s", {"s": 1}, 256),
        ("fusion.widths[max(n - 1, 0)]", {"n": 0}, 8),
        ("fusion.widths[max(n - 1, 0)]", {"n": 2}, 16),
        ("sum(depths)", {}, 8),
        (SQUARE, {}, 9),
        (lambda encoder, fields: encoder.width * fields["s"], {"s": 2}, 128),
    ],
)
def test_a_size_is_a_number_of_the_configuration(size: object, fields: dict[str, int], number: int) -> None:
    assert size_of(size, CONFIG, fields) == number  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "number", "fields", "known"),
    [
        ("width", 64, {}, Known("encoder.width", None, 64)),
        ("3*width", 192, {}, Known("encoder.width", None, 64)),
        ("width << s", 128, {"s": 1}, Known("encoder.width", None, 64)),
        ("fusion.widths[s + 2]", 16, {"s": 1}, Known("fusion.widths", 3, 16)),
        (SQUARE, 9, {}, Known("encoder.grid", None, (3, 3))),
    ],
)
def test_a_value_alone_or_a_multiple_of_it_is_told(size: object, number: int, fields: dict[str, int], known: Known) -> None:
    assert told_by(size, number, fields) == known  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [3, "width//4", "width*depth", "width + 1", lambda encoder, fields: 1])
def test_any_other_expression_tells_nothing(size: object) -> None:
    assert told_by(size, 8, {}) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "expected"), [("3*width", "a multiple of 3 was expected"), (SQUARE, "a square grid was expected")])
def test_a_number_that_no_value_gives_is_an_error_that_says_what_was_expected(size: object, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        told_by(size, 200, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["width +", "width.real()", "width / 2", "'width'"])
def test_what_is_no_size_is_a_mistake_in_the_table(text: str) -> None:
    with pytest.raises(SizeError, match="is not a size"):
        size_of(text, CONFIG, {})


def test_an_expression_names_the_values_that_it_is_made_of() -> None:
    assert names_in("2*width + fusion.widths[s]") == ["encoder.width", "fusion.widths"]
