"""What is dark, what is bright, and what the legend says."""

from __future__ import annotations

import numpy as np
import pytest

from muggle_convert.draw.scales import Scale, nearness, scale_of
from muggle_convert.outputs import METRES, Distance

RELATIVE = Distance(is_inverse=True, in_metres=False)
FARNESS = Distance(is_inverse=False, in_metres=False)  # as Omnidata trains


def test_the_nearest_is_bright_whether_it_is_a_large_number_or_a_small_one() -> None:
    relative = np.linspace(1, 9, 1000, dtype=np.float32).reshape(20, 50)
    for prediction, distance in ((relative, RELATIVE), (1 / relative, METRES), (10 - relative, FARNESS)):
        painted = scale_of(prediction, distance).paint(prediction).astype(int).sum(axis=2)
        assert painted[0, 0] < painted[10, 0] < painted[-1, -1]


def test_a_few_outliers_do_not_take_the_colours_from_the_rest() -> None:
    prediction = np.linspace(1, 2, 10_000, dtype=np.float32).reshape(100, 100)
    prediction[0, 0] = 1e6
    scale = scale_of(prediction, RELATIVE)
    assert 1.9 < scale.near <= 2.0


def test_pixels_that_are_not_finite_are_grey() -> None:
    prediction = np.array([[1.0, 2.0, np.nan, np.inf]], np.float32)
    painted = scale_of(prediction, RELATIVE).paint(prediction)
    assert painted[0, 2].tolist() == painted[0, 3].tolist() == [128, 128, 128]


def test_a_prediction_that_is_the_same_everywhere_still_has_a_colour() -> None:
    prediction = np.full((4, 4), 3.0, np.float32)
    assert scale_of(prediction, RELATIVE).paint(prediction).shape == (4, 4, 3)


def test_the_legend_of_metres_names_round_distances_in_their_places() -> None:
    scale = scale_of(np.array([[1.0, 10.0]] * 500, np.float32), METRES)
    ticks = {label: place for place, label in scale.ticks()}
    assert ticks["2 m"] == pytest.approx((1 / 2 - 1 / 10) / (1 - 1 / 10), abs=1e-3)
    assert [label for _, label in scale.ticks()][:2] == ["1 m", "2 m"]
    assert "20 m" not in ticks


def test_relative_depth_gets_no_numbers() -> None:
    assert scale_of(np.array([[1.0, 10.0]], np.float32), RELATIVE).ticks() == []


def test_infinity_has_nearness_zero_and_impossible_distances_have_none() -> None:
    inverse = nearness(np.array([2.0, np.inf, 0.0, -1.0], np.float32), METRES)
    assert inverse[:2].tolist() == [0.5, 0.0]
    assert np.isnan(inverse[2:]).all()


def test_the_scale_of_a_video_follows_slowly() -> None:
    before, now = Scale(0.0, 1.0, METRES), Scale(1.0, 3.0, METRES)
    assert before.towards(now, 0.1) == Scale(0.1, 1.2, METRES)
