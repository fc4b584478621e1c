"""What a model of a layout owns beside its network has to be known where it is written from another layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_defs.config import DPTConfig
from muggle_convert.errors import Refusal
from muggle_convert.families import FAMILIES
from muggle_convert.identify.match import match
from muggle_convert.identify.read import open_anywhere
from muggle_convert.rules import Drop, RuleSet
from tests.goldens import RELEASED, Golden, goldens

IN_TRANSFORMERS = [family.name for family in FAMILIES if family.transformers]
RELEASED_CASES = [Golden(manifest.parent) for manifest in sorted(RELEASED.glob("*/manifest.json.gz"))]
# Cases whose buffers are those of other versions of the library than the layout's.
OTHER_BUFFERS = {"beit_no_index", "swin2_newer_names", "swin2_no_mask", "swin2_pretrained_table", "swin2_table_no_mask"}
CLASSIFIER = "pretrained.model.head."  # of a thousand classes in a model of timm; of ten in the small cases


def owned(rules: RuleSet, config: DPTConfig) -> dict[str, tuple[int, ...]]:
    return rules.owned(config)


@pytest.mark.parametrize("case", [case for case in goldens(*IN_TRANSFORMERS) if case.name not in OTHER_BUFFERS], ids=lambda case: case.name)
def test_the_original_owns_what_its_checkpoints_hold(case: Golden, tmp_path: Path) -> None:
    matched = match(open_anywhere(case.save(tmp_path)), **case.told)
    held = {name: matched.checkpoint.tensors[name].shape for name in matched.translation.dropped}
    expected = owned(matched.family.layouts[matched.layout], matched.config)
    assert {name: shape for name, shape in held.items() if CLASSIFIER not in name} == {
        name: shape for name, shape in expected.items() if CLASSIFIER not in name
    }
    assert [name for name in held if CLASSIFIER in name] == [name for name in expected if CLASSIFIER in name]


@pytest.mark.full
@pytest.mark.parametrize("case", [case for case in RELEASED_CASES if case.family in IN_TRANSFORMERS], ids=lambda case: case.name)
def test_it_does_at_released_sizes_with_its_classifier(case: Golden, tmp_path: Path) -> None:
    matched = match(open_anywhere(case.save(tmp_path)), **case.told)
    held = {name: matched.checkpoint.tensors[name].shape for name in matched.translation.dropped}
    assert held == owned(matched.family.layouts[matched.layout], matched.config)


@pytest.mark.parametrize("case", goldens(*IN_TRANSFORMERS), ids=lambda case: case.name)
def test_whatever_a_layout_owns_is_one_of_its_drops(case: Golden, tmp_path: Path) -> None:
    matched = match(open_anywhere(case.save(tmp_path)), **case.told)
    for layout, rules in matched.family.every_layout.items():
        try:
            its_own = owned(rules, matched.config)
        except Refusal:  # the layout's code would resize positions otherwise, and owns nothing of such a model
            assert layout != matched.layout
            continue
        for name in its_own:
            place = rules.of_original(name)
            segmentation = "auxiliary_head" in name or "auxlayer" in name
            assert (place is not None and isinstance(place.rule, Drop)) or (segmentation and "segmentation" not in layout), (layout, name)
