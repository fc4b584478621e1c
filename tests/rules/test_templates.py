from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muggle_convert.rules.templates import Template, TemplateError


def test_a_field_reads_the_number_at_its_place() -> None:
    assert Template("blocks.{n}.weight").match("blocks.11.weight") == {"n": 11}


def test_a_template_matches_the_whole_name_only() -> None:
    template = Template("blocks.{n}.weight")
    assert template.match("module.blocks.1.weight") is None
    assert template.match("blocks.1.weight.scale") is None


def test_dots_in_a_template_are_only_dots() -> None:
    assert Template("blocks.{n}.weight").match("blocks.1xweight") is None


@pytest.mark.parametrize("name", ["blocks.01.weight", "blocks.-1.weight", "blocks..weight", "blocks.1e2.weight", "blocks.٣.weight"])
def test_a_number_has_one_spelling(name: str) -> None:
    assert Template("blocks.{n}.weight").match(name) is None


def test_arithmetic_is_undone_when_a_name_is_read() -> None:
    assert Template("refinenet{n+1}").match("refinenet4") == {"n": 3}
    assert Template("level{4-n}").match("level1") == {"n": 3}
    assert Template("seq.{2*i+1}").match("seq.3") == {"i": 1}


def test_a_number_that_arithmetic_cannot_make_does_not_match() -> None:
    assert Template("refinenet{n+1}").match("refinenet0") is None
    assert Template("seq.{2*i+1}").match("seq.2") is None
    assert Template("level{4-n}").match("level5") is None


def test_a_pair_by_division_is_one_number() -> None:
    template = Template("stages.{n//6}.blocks.{n%6}")
    assert template.match("stages.2.blocks.5") == {"n": 17}
    assert template.write({"n": 17}) == "stages.2.blocks.5"
    assert template.match("stages.2.blocks.6") is None


def test_words_stand_for_their_position() -> None:
    assert Template("norm.{p:parameter}").match("norm.bias") == {"p": 1}
    assert Template("{s:scale}.weight").write({"s": 3}) == "spatial_downx2.weight"
    assert Template("{s:scale}.weight").write({"s": 4}) is None


def test_a_longer_word_is_not_cut_short() -> None:
    assert Template("{w:run|running}").match("running") == {"w": 1}


def test_a_field_named_twice_has_to_be_the_same_number() -> None:
    template = Template("a.{n}.b.{n}")
    assert template.match("a.1.b.1") == {"n": 1}
    assert template.match("a.1.b.2") is None


@pytest.mark.parametrize(
    "text", ["a.{n//4}", "a.{n%4}", "a.{n//4}.{n%3}", "a.{}", "a.{N}", "a.{n*n}", "a.{0*n}", "a.{n//1}.{n%1}", "a.{p:one}"]
)
def test_a_template_that_cannot_be_undone_is_refused_when_it_is_made(text: str) -> None:
    with pytest.raises(TemplateError):
        Template(text)


TEMPLATES = ["blocks.{n}.x", "r{n+1}", "r{99-n}", "s.{2*n+1}", "s.{n//7}.{n%7}", "s.{n}.{n+1}", "{n:weight|bias|gain}"]


@given(st.sampled_from(TEMPLATES), st.integers(0, 99_999))
def test_what_a_template_writes_it_reads_again(text: str, number: int) -> None:
    template = Template(text)
    name = template.write({"n": number})
    assert name is None or template.match(name) == {"n": number}


@given(st.sampled_from(TEMPLATES), st.text(alphabet="sr.blockx0123456789{}", max_size=12))
def test_what_a_template_reads_it_writes_again(text: str, name: str) -> None:
    template = Template(text)
    fields = template.match(name)
    assert fields is None or template.write(fields) == name


@given(st.sampled_from(TEMPLATES), st.integers(0, 99_999))
def test_every_name_of_a_template_has_one_of_its_skeletons(text: str, number: int) -> None:
    from muggle_convert.rules.templates import skeleton

    template = Template(text)
    name = template.write({"n": number})
    assert name is None or skeleton(name) in set(template.skeletons())


@pytest.mark.parametrize("text", ["a{", "{n", "n}", "{a{n}}"])
def test_a_brace_without_a_partner_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="has no partner"):
        Template(text)
