"""`load_any_dpt` as a user calls it; tests/hub has what comes from the Hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from muggle_convert import Refusal, load_any_dpt
from tests.goldens import TOLERANCE, golden, uint8_picture

CASE = golden("depth_anything_v2")


def test_one_of_two_models_can_be_chosen(tmp_path: Path) -> None:
    weights = CASE.state_dict()
    path = tmp_path / "depth_anything_v2_vits.pth"
    torch.save({"student": {name: torch.zeros_like(tensor) for name, tensor in weights.items()}, "teacher": weights}, path)
    with pytest.raises(Refusal, match="'student', 'teacher'; say which with --state KEY"):
        load_any_dpt(path)
    assert CASE.error(load_any_dpt(path, state="teacher")) <= TOLERANCE


def test_tensors_that_do_not_belong_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "depth_anything_v2_vits.pth"
    torch.save({**CASE.state_dict(), "auxiliary.0.weight": torch.ones(3)}, path)
    with pytest.raises(Refusal, match=r"leave it out with --drop 'auxiliary\.0\.weight'"):
        load_any_dpt(path)
    assert CASE.error(load_any_dpt(path, drops=["auxiliary.{n}.weight"])) <= TOLERANCE


def test_weights_of_several_types_are_computed_with_in_the_widest(tmp_path: Path) -> None:
    path = tmp_path / "depth_anything_v2_vits.pth"
    weights = CASE.state_dict()
    torch.save({**weights, "pretrained.blocks.3.attn.qkv.weight": weights["pretrained.blocks.3.attn.qkv.weight"].half()}, path)
    model = load_any_dpt(path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert np.isfinite(model.predict(uint8_picture(50, 81, 1))).all()
