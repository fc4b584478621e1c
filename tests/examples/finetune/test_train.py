"""The command as a user runs it, on a network so small that a step takes no time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from examples.finetune.folders import kitti_below
from examples.finetune.train import main
from model_defs.config import DINOv2Config
from muggle_convert import inspect, load_any_dpt
from tests.configurations import SMALL
from tests.same import assert_same

Train = Callable[..., str]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> Train:
    """What it prints, having written tuned.safetensors."""

    def run(*arguments: object, out: str = "tuned.safetensors", folder: str = "run", of: Path = model) -> str:
        line = [of, "--batch", 2, "--crop", "28x28", "--run", tmp_path / folder, "--out", tmp_path / out, *arguments]
        monkeypatch.setattr(sys, "argv", ["train", *map(str, line)])
        main()
        return capsys.readouterr().out

    return run


def test_some_steps_on_pairs_of_files_end_in_a_file_that_loads(train: Train, pairs: Path, tmp_path: Path) -> None:
    printed = train("--folder", pairs, "--steps", 2)
    assert "6 pictures for training, 2 for validation\nstep 0: delta 1 " in printed
    found = inspect(tmp_path / "tuned.safetensors")
    assert found.source["training"] == "2 steps of 2 crops with the relative loss, from 6 pictures"
    assert load_any_dpt(tmp_path / "tuned.safetensors").predict(pairs / "val/images/0.png").shape == (42, 56)


def test_going_on_is_never_having_stopped(train: Train, pairs: Path, tmp_path: Path) -> None:
    train("--folder", pairs, "--steps", 3, folder="whole", out="whole.safetensors")
    train("--folder", pairs, "--steps", 1)
    assert "step 1: delta 1" in train("--folder", pairs, "--steps", 3)
    whole, resumed = (load_any_dpt(tmp_path / f"{name}.safetensors").state_dict() for name in ("whole", "tuned"))
    assert_same(resumed, whole)


def test_a_relative_model_becomes_a_metric_one_on_kitti(train: Train, kitti: Path, model: Path, tmp_path: Path) -> None:
    for pair in kitti_below(kitti).training:
        metres = 1 / (0.05 * load_any_dpt(model).predict(pair.image) + 0.02)
        Image.fromarray((256 * metres).astype(np.uint16)).save(pair.truth)
    line = ("--kitti", kitti, "--loss", "metric", "--gradient-weight", 0)
    printed = train(*line, "--steps", 1)
    assert "2 pictures for training, 2 for validation; 4 pictures without measurements are left aside" in printed
    assert "depth = 1 / (0.05" in printed
    config = load_any_dpt(tmp_path / "tuned.safetensors").config
    assert (config.output.kind, config.output.invert) == ("metric depth", True)
    assert "step 1: delta 1" in train(*line, "--steps", 2)
    assert load_any_dpt(tmp_path / "tuned.safetensors").config == config


def test_another_attention_is_trained_and_saved(train: Train, pairs: Path, tmp_path: Path) -> None:
    assert "not taken over: 4 x attn.qkv.bias" in train("--folder", pairs, "--steps", 1, "--attention", "performer")
    encoder = load_any_dpt(tmp_path / "tuned.safetensors").config.encoder
    assert isinstance(encoder, DINOv2Config)
    assert encoder.attention.kind == "performer"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch", 0], "--batch: '0' is not a whole number above zero"),
        (["--clip", "-1"], "--clip: '-1' is not a number above zero"),
        (["--crop", "28"], "--crop: '28' is not ROWSxCOLUMNS, such as 352x704"),
    ],
)
def test_a_number_that_cannot_be_is_told_by_its_option(
    train: Train, pairs: Path, arguments: list[object], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train("--folder", pairs, *arguments)
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps", 2, "--batch", 3], "is of a run with batch 2, not 3"),
        (["--out", "tuned.pth"], "tuned.pth does not end in .safetensors"),
        (["--out", "nowhere/tuned.safetensors"], "the folder nowhere does not exist"),
        (["--device", "abacus"], "abacus"),
        (["--crop", "28x30"], "28 x 30 does not fit; this network takes sides that are multiples of 14"),
    ],
)
def test_what_cannot_be_is_one_sentence(train: Train, pairs: Path, arguments: list[object], sentence: str) -> None:
    if "--batch" in arguments:
        train("--folder", pairs, "--steps", 1)
    with pytest.raises(SystemExit) as end:
        train("--folder", pairs, *arguments)
    assert str(end.value).startswith("finetune: ")
    assert sentence in str(end.value)


def test_one_of_several_states_is_trained_further(train: Train, pairs: Path, model: Path, tmp_path: Path) -> None:
    weights = torch.load(model.with_name("depth_anything_v2_vits.pth"), weights_only=True)
    several = tmp_path / "depth_anything_v2_vits.pth"
    torch.save({"first": weights, "second": weights}, several)
    settings = [f"--set={name}={value}" for name, value in SMALL["depth_anything_v2"].told.items()]
    with pytest.raises(SystemExit, match="say which with --state KEY"):
        train("--folder", pairs, *settings, of=several)
    train("--folder", pairs, *settings, "--steps", 1, "--state", "second", of=several)
    assert load_any_dpt(tmp_path / "tuned.safetensors").predict(pairs / "val/images/0.png").shape == (42, 56)
