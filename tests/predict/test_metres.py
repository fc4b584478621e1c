"""Nothing calls relative numbers metres; two known distances make metres of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_defs.config import OutputConfig
from model_defs.network import Network
from muggle_convert import Refusal
from muggle_convert.predict.metres import to_metres

RELATIVE = OutputConfig(kind="relative inverse depth", activation="relu")
METRIC = OutputConfig(kind="metric depth", activation="sigmoid", max_depth=20.0)
DEPTH = np.array([[1.0, 2.0, 4.0], [5.0, 8.0, 10.0]], np.float32)  # metres
PREDICTION = (3 / DEPTH + 0.5).astype(np.float32)  # the same, with a scale and a shift that nobody knows


def test_two_known_distances_give_all_the_others() -> None:
    metres = to_metres(PREDICTION, RELATIVE, {(0, 0): 1.0, (2, 1): 10.0})
    assert metres.dtype == np.float32
    assert np.allclose(metres, DEPTH, rtol=1e-5)


def test_relative_depth_is_fitted_to_depth_itself() -> None:
    farness = OutputConfig(kind="relative depth", activation="relu")
    metres = to_metres(DEPTH / 20 + 0.1, farness, {(0, 0): 1.0, (2, 1): 10.0})
    assert np.allclose(metres, DEPTH, rtol=1e-5)
    assert np.isnan(to_metres(np.array([[1.0, 2.0, 0.1]]), farness, {(0, 0): 1.0, (1, 0): 4.0})[0, 2])


def test_more_than_two_are_fitted_by_least_squares() -> None:
    metres = to_metres(PREDICTION, RELATIVE, {(0, 0): 1.01, (1, 0): 1.98, (2, 0): 4.0, (2, 1): 10.0})
    assert np.allclose(metres, DEPTH, rtol=0.05)
    assert not np.allclose(metres, DEPTH, rtol=1e-4)


def test_pixels_are_counted_from_the_left_and_from_the_top() -> None:
    with pytest.raises(Refusal, match=r"\(0, 2\) lies outside the picture, which is 3 x 2"):
        to_metres(PREDICTION, RELATIVE, {(0, 2): 1.0, (0, 0): 2.0})


def test_values_beyond_the_horizon_are_infinitely_far() -> None:
    metres = to_metres(np.array([[2.0, 1.0, 0.4]], np.float32), RELATIVE, {(0, 0): 1.0, (1, 0): 4.0})
    assert metres[0, 2] == np.inf


@pytest.mark.parametrize("known", [None, {}, {(0, 0): 1.0}])
def test_fewer_than_two_distances_are_refused(known: Any) -> None:
    with pytest.raises(Refusal, match="metres take at least two known distances"):
        to_metres(PREDICTION, RELATIVE, known)


@pytest.mark.parametrize("known", [{(1.5, 1): 1.0, (0, 0): 2.0}, {"a": 1, "b": 2}, [1, 2], {1: 2.0, 2: 3.0}, {(0, 0, 0): 1.0, (1, 1): 2.0}])
def test_known_distances_without_pixels_are_refused(known: Any) -> None:
    with pytest.raises(Refusal, match=r"metres by pixel \(x, y\) in whole numbers"):
        to_metres(PREDICTION, RELATIVE, known)


def test_equal_distances_for_all_pixels_are_refused() -> None:
    with pytest.raises(Refusal, match="all known distances are 2 metres, which determines no scale"):
        to_metres(PREDICTION, RELATIVE, {(0, 0): 2.0, (2, 1): 2.0})


def test_distances_that_contradict_the_prediction_are_refused() -> None:
    with pytest.raises(Refusal, match="pixels said to be farther are predicted nearer"):
        to_metres(PREDICTION, RELATIVE, {(0, 0): 10.0, (2, 1): 1.0})


def test_pixels_that_are_predicted_alike_are_refused() -> None:
    with pytest.raises(Refusal, match="predicts the same for all pixels"):
        to_metres(np.ones((2, 3), np.float32), RELATIVE, {(0, 0): 1.0, (1, 1): 2.0})


@pytest.mark.parametrize("metres", [0.0, -1.0, float("inf"), float("nan"), "1.5"])
def test_an_impossible_distance_is_refused(metres: Any) -> None:
    with pytest.raises(Refusal, match="a finite number above zero is needed"):
        to_metres(PREDICTION, RELATIVE, {(0, 0): metres, (2, 1): 1.0})


def test_metres_stay_metres_and_known_distances_are_refused() -> None:
    assert to_metres(DEPTH, METRIC) is DEPTH
    with pytest.raises(Refusal, match="predicts metres already"):
        to_metres(DEPTH, METRIC, {(0, 0): 1.0, (1, 1): 2.0})


def test_classes_are_no_distance() -> None:
    with pytest.raises(Refusal, match="predicts classes, which no known distance turns into metres"):
        to_metres(np.zeros((2, 2), np.int64), OutputConfig(kind="classes", activation="none"), {(0, 0): 1.0, (1, 1): 2.0})


def test_a_network_knows_what_its_numbers_are(model: Network, metric_model: Network) -> None:
    with pytest.raises(Refusal, match="relative inverse depth"):
        model.to_metres(PREDICTION)
    assert np.allclose(model.to_metres(PREDICTION, {(0, 0): 1.0, (2, 1): 10.0}), DEPTH, rtol=1e-5)
    assert metric_model.to_metres(DEPTH) is DEPTH
