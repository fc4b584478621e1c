"""Checkpoints of the sizes that were published, from the file to the prediction. Run with --full; one at a time, up to 6 GB."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muggle_convert import convert, load_any_dpt
from tests.conftest import Command
from tests.goldens import RELEASED, TOLERANCE, Golden

pytestmark = pytest.mark.full

CASES = [Golden(manifest.parent) for manifest in sorted(RELEASED.glob("*/manifest.json.gz"))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_size_converts_and_predicts_what_the_original_does(case: Golden, tmp_path: Path) -> None:
    source, target = case.save(tmp_path), tmp_path / "converted.safetensors"
    convert(source, target)
    source.unlink()
    assert case.error(load_any_dpt(target)) <= TOLERANCE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_size_is_named(case: Golden, tmp_path: Path, muggle_convert: Command) -> None:
    found = json.loads(muggle_convert("inspect", case.save(tmp_path), "--json").stdout)
    plain = case.name.partition(".")[2].replace("metric_hypersim", "depth_anything_v2_metric_hypersim")
    assert found["released"] is not None and plain.split("_")[-1].rstrip("14") in found["released"]
