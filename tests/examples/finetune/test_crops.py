from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from examples.finetune.crops import Cropping, crop_size, nearest
from model_defs.config import ImageConfig
from muggle_convert import Refusal
from muggle_convert.evaluation.datasets import DATASETS, Pair
from muggle_convert.evaluation.judging import Rules
from tests.configurations import SMALL

IMAGE = replace(SMALL["depth_anything_v2"].config.image, mean=(0.0,) * 3, std=(1.0,) * 3)
RULES = Rules("plain", "none", False, 30.0)


def pair(folder: Path, rows: int, columns: int) -> Pair:
    """A picture whose every pixel says where it is, and measurements that say the same."""
    places = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns) % 251 + 1
    Image.fromarray(np.repeat(places[..., None], 3, axis=2).astype(np.uint8)).save(folder / "one.png")
    np.save(folder / "one.npy", places)
    return Pair("one", folder / "one.png", folder / "one.npy")


def crop(
    one: Pair, image: ImageConfig = IMAGE, rules: Rules = RULES, seed: int = 0, size: tuple[int, int] = (28, 42)
) -> tuple[torch.Tensor, ...]:
    return Cropping(image, rules, DATASETS["plain"], size)(one, np.random.default_rng(seed))


def test_measurements_go_where_the_picture_goes(tmp_path: Path) -> None:
    one = pair(tmp_path, 42, 56)
    for seed in range(8):
        image, truth = crop(one, rules=replace(RULES, cap=None), seed=seed)
        assert (image.shape, truth.shape) == ((3, 28, 42), (28, 42))
        assert torch.allclose(255 * image[0], truth, atol=1e-3)


def test_crops_are_random_and_half_of_them_are_mirrored(tmp_path: Path) -> None:
    one = pair(tmp_path, 42, 56)
    rows = [crop(one, rules=replace(RULES, cap=None), seed=seed)[1][0] for seed in range(40)]
    mirrored = sum(bool((row.diff() == -1).float().mean() > 0.5) for row in rows)
    assert 10 < mirrored < 30
    assert len({row[0].item() for row in rows}) > 20


def test_what_is_farther_than_the_cap_is_unknown(tmp_path: Path) -> None:
    _, truth = crop(pair(tmp_path, 42, 56))
    assert truth.max() < 30
    assert (truth == 0).any()


def test_pictures_are_shown_as_large_as_when_predicting(tmp_path: Path) -> None:
    image, truth = crop(pair(tmp_path, 84, 112), rules=replace(RULES, cap=None), size=(42, 56))  # the whole, at half its size
    before = np.load(tmp_path / "one.npy")
    found = truth if truth[0, 0] < truth[0, 1] else truth.flip(1)
    assert np.isin(found.numpy(), before).all()
    assert image.shape == (3, 42, 56)


def test_distances_are_taken_never_mixed() -> None:
    truth = np.array([[1.0, 9.0], [0.0, 4.0]], np.float32)
    assert nearest(truth, (4, 2)).tolist() == [[1, 9], [1, 9], [0, 4], [0, 4]]
    assert nearest(truth, (1, 1)).tolist() == [[4]]


def test_kittis_window_is_cut_out_of_both(tmp_path: Path) -> None:
    one = pair(tmp_path, 360, 1220)
    rules = Rules("kitti", "none", True, None)
    config = replace(IMAGE, size=352, size_across=1216, multiple=32)
    image, truth = crop(one, config, rules, size=(352, 1216))
    whole = np.load(one.truth)[8:, 2:1218]
    assert torch.equal(truth, torch.from_numpy(whole)) or torch.equal(truth.flip(1), torch.from_numpy(whole))
    assert torch.allclose(255 * image[1], truth, atol=1e-2)


def test_measurements_of_another_size_are_refused(tmp_path: Path) -> None:
    one = pair(tmp_path, 42, 56)
    np.save(one.truth, np.ones((42, 57), np.float32))
    with pytest.raises(Refusal, match="one: the picture is 56 x 42 and its measurements are 57 x 42"):
        crop(one)


def test_crops_are_as_large_as_in_training_where_pictures_are(tmp_path: Path) -> None:
    one = pair(tmp_path, 42, 56)
    assert crop_size(IMAGE, [one], False, None) == (42, 42)
    assert crop_size(replace(IMAGE, size_across=84, fit="at most"), [one], False, None) == (42, 56)
    assert crop_size(IMAGE, [one], False, (28, 56)) == (28, 56)


@pytest.mark.parametrize(("wanted", "why"), [((42, 70), "42 x 56 is the most"), ((30, 42), "multiples of 14")])
def test_a_crop_that_cannot_be_is_refused(wanted: tuple[int, int], why: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=why):
        crop_size(IMAGE, [pair(tmp_path, 42, 56)], False, wanted)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_text("no picture")
    with pytest.raises(Refusal, match=r"one\.png cannot be read as a picture"):
        crop_size(IMAGE, [Pair("one", tmp_path / "one.png", tmp_path / "one.npy")], False, None)
