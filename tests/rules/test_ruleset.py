from __future__ import annotations

import numpy as np
import pytest

from muggle_convert.rules import Drop, Fate, RuleError, RuleSet, derivable, rename, split, stack, unused
from muggle_convert.rules.templates import Template, TemplateError

RULES = RuleSet(
    (
        rename("old.{n}.{p:parameter}", "new.{n}.{p:parameter}"),
        rename("refinenet{n+1}.weight", "fusion.{n}.weight"),
        split("positions", "first", "rest", axis=1, count=1),
        stack(("q.{n}", "k.{n}", "v.{n}"), "qkv.{n}", parts=(0, 1, 2)),
    ),
    (unused("head.{p:parameter}", "nobody classifies"),),
)


def test_a_name_finds_its_rule_and_its_fields() -> None:
    place = RULES.of_original("old.3.bias")
    assert place is not None and place.rule is RULES.rules[0] and dict(place.fields) == {"n": 3, "p": 1}


def test_a_name_without_a_rule_finds_none() -> None:
    assert RULES.of_original("older.3.bias") is None


def test_a_drop_is_found_with_its_reason() -> None:
    place = RULES.of_original("head.weight")
    assert place is not None and isinstance(place.rule, Drop) and place.rule.reason == "nobody classifies"


def test_the_way_back_gives_every_original_of_a_joined_tensor() -> None:
    assert RULES.originals_of("qkv.7") == ["q.7", "k.7", "v.7"]


def test_two_rules_for_one_name_are_an_error_that_names_both() -> None:
    rules = RuleSet((rename("a.{n}", "b.{n}"), rename("a.0", "c.0")))
    with pytest.raises(RuleError, match=r"a\.0 has two rules"):
        rules.of_original("a.0")


def test_both_sides_of_a_rule_bind_the_same_fields() -> None:
    with pytest.raises(TemplateError, match="same fields"):
        rename("a.{n}", "b.{m}")


def test_the_check_accepts_names_that_come_back_to_themselves() -> None:
    RULES.check(["new.0.weight", "new.0.bias", "fusion.3.weight", "first", "rest", "qkv.0"])


def test_the_check_finds_a_name_no_rule_makes() -> None:
    with pytest.raises(RuleError, match="no rule makes other"):
        RULES.check(["other"])


def test_the_check_finds_half_of_a_split() -> None:
    with pytest.raises(RuleError, match="also makes rest"):
        RULES.check(["first"])


def test_the_check_finds_two_names_made_from_one() -> None:
    rules = RuleSet((rename("a.{n}", "b.{n}"), rename("a.{n+0}", "c.{n}")))
    with pytest.raises(RuleError):
        rules.check(["b.0", "c.0"])


def test_the_check_finds_a_name_that_cannot_be_written_back() -> None:
    rules = RuleSet((rename("a.{n:x|y}", "b.{n}"),))
    with pytest.raises(RuleError, match="cannot write"):
        rules.check(["b.2"])


def test_a_derivable_tensor_needs_a_way_to_derive_it() -> None:
    with pytest.raises(RuleError):
        Drop(Template("mask"), "the network computes it", Fate.DERIVABLE)
    assert derivable("mask", "computed", lambda encoder, fields: np.zeros(1)).derive is not None
