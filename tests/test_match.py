from __future__ import annotations

from pathlib import Path

import pytest
import torch

from muggle_convert import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.identify.read import ReadOptions, read
from tests.goldens import golden

CASE = golden("depth_anything_v2")


@pytest.mark.parametrize("template", ["{n+}", "a{", "{n", "a}", "{n}.{n//" + "9" * 5000 + "}"], ids=range(5))
def test_a_drop_that_is_not_a_template_is_refused(template: str, checkpoint: Path) -> None:
    with pytest.raises(Refusal, match=r"^--drop .*\.$"):
        read(checkpoint, ReadOptions(drops=(template,)))


def test_a_drop_that_matches_no_tensor_is_refused(checkpoint: Path) -> None:
    with pytest.raises(Refusal, match=r"holds no tensor that --drop 'pretrained\.mask' could mean"):
        read(checkpoint, ReadOptions(drops=("pretrained.mask_token", "pretrained.mask")))


def test_a_file_of_another_family_than_asked_for_is_refused_with_its_own(checkpoint: Path) -> None:
    with pytest.raises(
        Refusal, match=r"is not a dpt_vit: the nearest is depth_anything_v2 .* knows all of its 239 tensors; leave --family out"
    ):
        read(checkpoint, ReadOptions(family="dpt_vit"))


def test_a_file_of_one_of_two_other_families_is_refused_with_the_flags_that_decide(tmp_path: Path) -> None:
    latest = CASE.save(tmp_path, "latest.pth")
    with pytest.raises(Refusal, match=r"is not a dpt_beit; .* pass --family depth_anything_v1 or --family depth_anything_v2 \(family= in"):
        read(latest, ReadOptions(family="dpt_beit"))


def test_what_is_not_there_is_evidence_under_the_name_it_would_have_in_the_file(checkpoint: Path) -> None:
    evidence = read(checkpoint, ReadOptions()).evidence
    assert evidence["reassemble.readout"] == Evidence(Source.SHAPE, "there is no depth_head.readout_projects.3.0.weight")
    assert evidence["fusion.batch_norm"] == Evidence(Source.SHAPE, "there is no depth_head.scratch.refinenet1.resConfUnit1.bn1.weight")


@pytest.mark.parametrize(("case", "what"), [("midas_v21_g8", "names"), ("vit", "names")])
def test_the_tensors_decide_where_they_fit_one_family(case: str, what: str, tmp_path: Path) -> None:
    matched = read(golden(case).save(tmp_path), ReadOptions(overrides=golden(case).options))
    assert matched.evidence["family"] == Evidence(Source.SHAPE, f"the {what} of its tensors")


@pytest.mark.parametrize(
    ("name", "family"), [("depth_anything_v2_vits.pth", "depth_anything_v2"), ("depth_anything_vits14.pth", "depth_anything_v1")]
)
def test_of_families_that_are_all_contradicted_the_one_of_the_name_is_told(name: str, family: str, tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in CASE.state_dict().items() if name != "pretrained.norm.weight"}
    torch.save(state, tmp_path / name)
    with pytest.raises(Refusal, match=f"looks like {family} but"):
        read(tmp_path / name)
