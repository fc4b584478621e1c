"""Every reference case of every family: the original's checkpoint, converted and as it is, predicts what the original did."""

from __future__ import annotations

from pathlib import Path

import pytest

from muggle_convert import convert, load_any_dpt
from muggle_convert.families import BY_NAME
from tests.goldens import TOLERANCE, Golden, goldens

of_every_case = pytest.mark.parametrize("case", goldens(), ids=lambda case: f"{case.family}, {case.name}")


def test_every_family_has_a_case() -> None:
    assert {case.family for case in goldens()} == set(BY_NAME)


@of_every_case
def test_a_converted_model_predicts_what_the_original_does(case: Golden, tmp_path: Path) -> None:
    options = case.options
    convert(case.save(tmp_path), tmp_path / "converted.safetensors", family=options.pop("family", None), overrides=options, sync=False)
    assert case.error(load_any_dpt(tmp_path / "converted.safetensors")) <= TOLERANCE


@of_every_case
def test_an_original_file_predicts_what_the_original_does(case: Golden, tmp_path: Path) -> None:
    assert case.error(load_any_dpt(case.save(tmp_path), **case.options)) <= TOLERANCE
