"""The evaluation: alignment and both numbers, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from examples.toy_depth.metrics import Score, mean_score, score


def test_a_prediction_right_up_to_scale_and_shift_is_perfect() -> None:
    nearness = np.random.default_rng(0).uniform(0.1, 2, (8, 9))
    assert score(-3 * nearness + 7, nearness) == Score(pytest.approx(0, abs=1e-9), 1.0)


def test_both_numbers_by_hand() -> None:
    # A constant prediction is aligned to the mean inverse depth, 0.5: depth 2 everywhere, where 1, 2, 4 and 4 metres are true.
    nearness = np.array([[1.0, 0.5, 0.25, 0.25]])
    assert score(np.ones((1, 4)), nearness) == Score(pytest.approx((1 + 0 + 0.5 + 0.5) / 4), 0.25)


def test_sky_and_whatever_is_far_away_is_not_judged() -> None:
    nearness = np.array([[1.0, 0.5, 0.25, 0.0, 0.01]])
    prediction = np.array([[1.0, 0.5, 0.25, 9.0, 9.0]])
    assert score(prediction, nearness).delta1 == 1.0


def test_a_prediction_behind_infinity_counts_as_the_farthest_distance_judged() -> None:
    nearness = np.array([[2.0, 2.0, 0.05, 1.0]])
    prediction = np.array([[2.0, 2.1, -1.0, 0.9]])
    assert np.isfinite(score(prediction, nearness).abs_rel)


def test_the_mean_is_over_scenes() -> None:
    assert mean_score([Score(0.1, 1.0), Score(0.3, 0.5)]) == Score(pytest.approx(0.2), 0.75)
