from __future__ import annotations

import numpy as np
import pytest

from muggle_convert import Refusal
from muggle_convert.evaluation.judging import Rules, inside_crop, kitti_window, measured


def edges(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    assert mask.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def test_gargs_crop_is_the_lower_part_of_the_picture() -> None:
    assert edges(inside_crop((375, 1242), "garg", "kitti")) == (153, 371, 44, 1197)


def test_eigens_crop_differs_between_kitti_and_nyu() -> None:
    assert edges(inside_crop((375, 1242), "eigen", "kitti")) == (124, 342, 44, 1197)
    assert edges(inside_crop((480, 640), "eigen", "nyu")) == (45, 471, 41, 601)


def test_without_a_crop_every_pixel_counts() -> None:
    assert inside_crop((3, 4), "none", "plain").all()


def test_eigens_crop_is_refused_where_it_is_neither() -> None:
    with pytest.raises(Refusal, match="--dataset kitti or --dataset nyu"):
        inside_crop((480, 640), "eigen", "plain")


def test_a_crop_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="no pixels inside"):
        inside_crop((40, 40), "eigen", "nyu")


def test_kittis_window_is_at_the_bottom_and_in_the_middle() -> None:
    assert kitti_window((375, 1242)) == (slice(23, 375), slice(13, 1229))
    with pytest.raises(Refusal, match="640 x 480 is less"):
        kitti_window((480, 640))


def test_pixels_not_measured_or_beyond_the_cap_do_not_count() -> None:
    truth = np.array([[0.0, 1.0, 5.0, 10.0, 20.0]], np.float32)
    found = measured(truth, np.full_like(truth, 2.0), Rules("plain", "none", False, 10.0))
    assert found.truth.tolist() == [1.0, 5.0]


def test_a_prediction_of_another_size_is_refused() -> None:
    with pytest.raises(Refusal, match="the picture is 5 x 4 and its measurements are 6 x 4"):
        measured(np.ones((4, 6), np.float32), np.ones((4, 5), np.float32), Rules("plain", "none", False, None))
