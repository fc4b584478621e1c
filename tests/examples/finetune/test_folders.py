from __future__ import annotations

from pathlib import Path

import pytest

from examples.finetune.folders import kitti_below, pairs_below
from muggle_convert import Refusal
from muggle_convert.evaluation.datasets import DATASETS, read_truth

DRIVE = "2011_09_26_drive_0001_sync"


def test_kittis_measurements_find_their_pictures_by_drive_camera_and_frame(kitti: Path) -> None:
    split = kitti_below(kitti)
    assert [pair.name for pair in split.training] == [f"{DRIVE}/image_02/{frame:010}" for frame in (1, 2)]
    assert [pair.image.parts[-4] for pair in split.validation] == ["2011_09_26_drive_0002_sync"] * 2
    assert 0.9 < read_truth(split.training[0].truth, DATASETS["kitti"])[9:].min() < 11


def test_frames_that_kitti_does_not_measure_are_left_aside_and_counted(kitti: Path) -> None:
    assert kitti_below(kitti).unmeasured == 4


def test_a_measurement_without_its_picture_is_named(kitti: Path) -> None:
    (kitti / f"raw/2011_09_26/{DRIVE}/image_02/data/0000000002.png").unlink()
    with pytest.raises(Refusal, match=r"1 of 2 measurements below .* have no picture, the first being .*/0000000002"):
        kitti_below(kitti)


def test_another_layout_than_kittis_is_told_what_kittis_is(pairs: Path) -> None:
    with pytest.raises(Refusal, match="no measured depth in KITTI's layout, which is train/DRIVE/proj_depth"):
        kitti_below(pairs)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="nowhere is not a folder"):
        kitti_below(tmp_path / "nowhere")


def test_pairs_are_found_by_name(pairs: Path) -> None:
    split = pairs_below(pairs)
    assert ([pair.name for pair in split.training], [pair.name for pair in split.validation]) == (list("012345"), list("01"))


def test_a_picture_without_measurements_is_named(pairs: Path) -> None:
    (pairs / "train/truth/3.npy").unlink()
    with pytest.raises(Refusal, match=r"1 of 6 pictures in .* have no distances in .*, the first being 3"):
        pairs_below(pairs)


def test_no_pictures_at_all_are_refused(pairs: Path) -> None:
    for path in (pairs / "val/images").iterdir():
        path.unlink()
    with pytest.raises(Refusal, match=r"no picture in .*val/images"):
        pairs_below(pairs)
