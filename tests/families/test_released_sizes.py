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


NAMES = {
    "depth_anything_v1.vitb14": "depth_anything_vitb14",
    "depth_anything_v2.metric_hypersim_vits": "depth_anything_v2_metric_hypersim_vits",
    "depth_anything_v2.vitl": "depth_anything_v2_vitl",
    "depth_anything_v2.vits": "depth_anything_v2_vits",
    "dpt.dpt_hybrid_ade20k": "dpt_hybrid-ade20k",
    "midas_v21.midas_v21_384": "midas_v21_384",
    "midas_v21.midas_v21_small_256": "midas_v21_small_256",
    "midas_v3.dpt_hybrid_384": "dpt_hybrid_384",
    "midas_v31.dpt_beit_base_384": "dpt_beit_base_384",
    "midas_v31.dpt_levit_224": "dpt_levit_224",
    "midas_v31.dpt_next_vit_large_384": "dpt_next_vit_large_384",
    "midas_v31.dpt_swin2_tiny_256": "dpt_swin2_tiny_256",
    "midas_v31.dpt_swin_large_384": "dpt_swin_large_384",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_size_is_named(case: Golden, tmp_path: Path, muggle_convert: Command) -> None:
    found = json.loads(muggle_convert("inspect", case.save(tmp_path), "--json").stdout)
    assert found["released"] == NAMES[case.name]
