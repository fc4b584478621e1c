from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_defs.config import OutputConfig
from muggle_convert import Refusal
from muggle_convert.evaluation.alignment import Aligner, Alignment, aligner, fit_robustly
from muggle_convert.outputs import METRES, Distance

TRUTH = np.random.default_rng(0).uniform(1, 60, 2000)
INVERSE = Distance(is_inverse=True, in_metres=False)
RELATIVE = Aligner("scale-shift", INVERSE)


@given(scale=st.floats(1e-4, 1e4), shift=st.floats(-100, 100))
def test_scale_and_shift_are_found_in_inverse_depth(scale: float, shift: float) -> None:
    prediction = scale / TRUTH + shift
    metres = RELATIVE.metres(prediction, RELATIVE.fit(prediction, TRUTH), 0.001, 80)
    assert np.allclose(metres, TRUTH, rtol=1e-4)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_outliers_have_no_influence(share: float) -> None:
    random = np.random.default_rng(1)
    noise = random.normal(0, 0.002, TRUTH.shape)
    prediction, wrong = 7 / TRUTH + 3 + 7 * noise, random.random(TRUTH.shape) < share
    prediction[wrong] = random.uniform(3, 30, wrong.sum())
    found = RELATIVE.fit(prediction, TRUTH)
    assert (1 / found.scale, -found.shift / found.scale) == pytest.approx((7, 3), rel=0.02)
    plain = np.polyfit(prediction, 1 / TRUTH, 1)
    assert abs(1 / plain[0] - 7) > 1  # which plain squares get wrong


def test_a_prediction_that_is_the_same_everywhere_still_gives_distances() -> None:
    found = fit_robustly(np.ones(50), 1 / TRUTH[:50])
    assert found.scale == 0 and np.isfinite(found.shift)


def test_the_median_sets_the_scale() -> None:
    metric = Aligner("median", METRES)
    assert np.allclose(metric.metres(TRUTH / 3, metric.fit(TRUTH / 3, TRUTH), 0.001, 80), TRUTH)
    inverse = Aligner("median", INVERSE)
    assert np.allclose(inverse.metres(5 / TRUTH, inverse.fit(5 / TRUTH, TRUTH), 0.001, 80), TRUTH)


def test_relative_depth_is_not_inverted() -> None:
    relative = Aligner("scale-shift", Distance(is_inverse=False, in_metres=False))
    prediction = TRUTH / 9 - 2
    assert np.allclose(relative.metres(prediction, relative.fit(prediction, TRUTH), 0.001, 80), TRUTH, rtol=1e-4)


def test_metres_end_where_distances_end() -> None:
    metres = Aligner("none", METRES).metres(np.array([-1.0, 0.0, 5.0, 100.0, np.inf, np.nan]), Alignment(), 0.001, 80)
    assert metres.tolist() == [0.001, 0.001, 5.0, 80.0, 80.0, 0.001]
    beyond = RELATIVE.metres(np.array([-1.0, 0.0, 0.5]), Alignment(), 0.001, 80)
    assert beyond.tolist() == [80.0, 80.0, 2.0]


def test_by_default_metric_models_are_left_as_they_are_and_relative_ones_fitted() -> None:
    assert aligner(OutputConfig("metric depth", "sigmoid", max_depth=20.0), None).how == "none"
    assert aligner(OutputConfig("relative inverse depth", "relu"), None).how == "scale-shift"
    assert aligner(OutputConfig("metric depth", "sigmoid", max_depth=20.0), "scale-shift").how == "scale-shift"


def test_predictions_without_a_unit_are_not_compared_unaligned() -> None:
    with pytest.raises(Refusal, match="which has no unit"):
        aligner(OutputConfig("relative inverse depth", "relu"), "none")
    with pytest.raises(Refusal, match="classes"):
        aligner(OutputConfig("classes", "none"), None)


def test_predictions_without_any_finite_inverse_are_refused() -> None:
    with pytest.raises(Refusal, match="predicts no distance above zero where any was measured"):
        Aligner("scale-shift", METRES).fit(np.zeros(5), np.ones(5))
