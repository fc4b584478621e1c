"""Pictures people look at: what was predicted, what the colours mean, and how two predictions differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model_defs.config import OutputConfig
from model_defs.network import Network
from muggle_convert import Refusal
from muggle_convert.draw.colours import near_and_far
from muggle_convert.draw.comparison import compare
from muggle_convert.draw.panels import PAPER, Panel, arrange
from muggle_convert.draw.pictures import compared, depth_panel, painted
from tests.goldens import uint8_picture

RELATIVE = OutputConfig(kind="relative inverse depth", activation="relu")
METRIC = OutputConfig(kind="metric depth", activation="sigmoid", max_depth=20.0)
DEPTH = np.linspace(0.1, 1, 300 * 400, dtype=np.float32).reshape(300, 400)


def test_the_picture_keeps_its_pixels_above_the_legend() -> None:
    sheet = np.asarray(arrange([depth_panel(DEPTH, RELATIVE)]))
    assert sheet.shape[1] == 400
    assert sheet.shape[0] > 320
    assert np.array_equal(sheet[:300], painted(DEPTH, RELATIVE))


def test_the_legend_shows_all_colours_from_far_to_near() -> None:
    sheet = np.asarray(arrange([depth_panel(DEPTH, RELATIVE)]))[300:].astype(int)
    colourful = sheet.max(axis=2) - sheet.min(axis=2) > 40
    top, bottom = np.flatnonzero(colourful.sum(axis=1) > 150)[[0, -1]]
    left, right = np.flatnonzero(colourful[(top + bottom) // 2])[[0, -1]]
    bar = sheet[(top + bottom) // 2, left : right + 1]
    assert right - left > 200
    for share in (0.25, 0.5, 0.75):
        there = bar[round(share * (len(bar) - 1))]
        every = near_and_far(np.linspace(0, 1, 1000)).astype(int)
        assert np.abs(every - there).sum(axis=1).argmin() / 1000 == pytest.approx(share, abs=0.08)


def test_metres_need_more_room_for_their_numbers() -> None:
    assert arrange([depth_panel(DEPTH, METRIC)]).height > arrange([depth_panel(DEPTH, RELATIVE)]).height


def test_a_tiny_picture_stands_in_the_middle_of_a_legible_legend() -> None:
    sheet = np.asarray(arrange([depth_panel(DEPTH[:3, :2], RELATIVE)]))
    assert sheet.shape[1] >= 180
    assert sheet[0, 0].tolist() == list(PAPER)


def test_what_the_colours_mean_is_never_cut() -> None:
    narrow = np.asarray(arrange([depth_panel(DEPTH[:60, :80], RELATIVE)]))
    wide = np.asarray(arrange([depth_panel(DEPTH[:60], RELATIVE)]))
    caption = [np.flatnonzero((sheet[-20:] < 200).all(axis=2).any(axis=0)) for sheet in (narrow, wide)]
    assert np.ptp(caption[0]) == np.ptp(caption[1])


def test_a_picture_stands_beside_its_depth() -> None:
    picture = uint8_picture(300, 400, 1)
    sheet = np.asarray(arrange([Panel(picture), depth_panel(DEPTH, RELATIVE)]))
    assert np.array_equal(sheet[:300, :400], picture)
    assert np.array_equal(sheet[:300, -400:], painted(DEPTH, RELATIVE))


def test_a_long_name_is_cut_to_the_panel() -> None:
    assert arrange([Panel(uint8_picture(300, 400, 1), "a very long name " * 20)]).width == 400


def test_equal_predictions_differ_nowhere(model: Network) -> None:
    comparison = compare(DEPTH, model.config, DEPTH, model.config)
    assert comparison.largest_shown == 0
    assert comparison.sentence == "mean 0, largest 0"
    assert compared(comparison, ("one", "two")).width > 3 * 400


def test_two_models_of_one_kind_are_compared_as_they_are(model: Network) -> None:
    comparison = compare(DEPTH, model.config, DEPTH + 0.25, model.config)
    assert np.allclose(comparison.difference, 0.25)
    assert comparison.title == "difference"


def test_relative_predictions_of_different_models_are_aligned_first(model: Network) -> None:
    other = replace(model.config, family="depth_anything_v1")
    comparison = compare(DEPTH, model.config, 7 * DEPTH - 3, other)
    assert np.abs(comparison.difference).max() < 1e-5
    assert "aligned" in comparison.title


def test_metres_are_compared_in_metres(metric_model: Network) -> None:
    comparison = compare(DEPTH, metric_model.config, DEPTH + 0.5, metric_model.config)
    assert comparison.sentence == "mean 0.5 m, largest 0.5 m"


def test_metres_and_relative_depth_meet_in_inverse_depth(model: Network, metric_model: Network) -> None:
    comparison = compare(1 / DEPTH, metric_model.config, 5 * DEPTH + 2, model.config)
    assert comparison.output.kind == "relative inverse depth"
    assert np.abs(comparison.difference).max() < 1e-4


def test_relative_depth_meets_metres_in_metres_and_inverse_depth_nowhere(model: Network, metric_model: Network) -> None:
    farness = replace(model.config, output=OutputConfig(kind="relative depth", activation="relu"))
    comparison = compare(DEPTH, metric_model.config, 5 * DEPTH + 2, farness)
    assert np.abs(comparison.difference).max() < 1e-5
    with pytest.raises(Refusal, match="no scale and shift make the same"):
        compare(DEPTH, model.config, DEPTH, farness)


def test_classes_are_not_compared_with_depth(model: Network) -> None:
    classes = replace(model.config, output=OutputConfig(kind="classes", activation="none"))
    with pytest.raises(Refusal, match="predicts classes is not compared"):
        compare(DEPTH, model.config, DEPTH, classes)


def test_channels_have_no_colours() -> None:
    with pytest.raises(Refusal, match="predicts 3 numbers for each pixel"):
        painted(np.zeros((4, 4, 3), np.float32), OutputConfig(kind="channels", activation="relu"))


def test_classes_are_painted_without_a_legend() -> None:
    classes = OutputConfig(kind="classes", activation="none")
    numbers = np.arange(12).reshape(3, 4)
    assert depth_panel(numbers, classes).legend is None
    assert len(np.unique(painted(numbers, classes).reshape(-1, 3), axis=0)) == 12
