"""Pictures people look at: what was predicted, what the colours mean, and how two predictions differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model_defs.config import OutputConfig
from muggle_convert import Refusal
from muggle_convert.draw.colours import near_and_far
from muggle_convert.draw.panels import PAPER, Panel, arrange
from muggle_convert.draw.predictions import compare, draw_comparison, panel
from tests.configurations import SMALL
from tests.goldens import uint8_picture

RELATIVE = OutputConfig(kind="relative inverse depth", activation="relu")
METRIC = OutputConfig(kind="metric depth", activation="sigmoid", max_depth=20.0)
MODEL = SMALL["depth_anything_v2"].config
METRIC_MODEL = replace(MODEL, output=METRIC)
DEPTH = np.linspace(0.1, 1, 300 * 400, dtype=np.float32).reshape(300, 400)


def test_the_picture_keeps_its_pixels_above_the_legend() -> None:
    sheet = np.asarray(arrange([panel(DEPTH, RELATIVE)]))
    assert sheet.shape[1] == 400
    assert sheet.shape[0] > 320
    assert np.array_equal(sheet[:300], panel(DEPTH, RELATIVE).picture)


def test_the_legend_shows_all_colours_from_far_to_near() -> None:
    sheet = np.asarray(arrange([panel(DEPTH, RELATIVE)]))[300:].astype(int)
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
    assert arrange([panel(DEPTH, METRIC)]).height > arrange([panel(DEPTH, RELATIVE)]).height


def test_a_tiny_picture_stands_in_the_middle_of_a_legible_legend() -> None:
    sheet = np.asarray(arrange([panel(DEPTH[:3, :2], RELATIVE)]))
    assert sheet.shape[1] >= 180
    assert sheet[0, 0].tolist() == list(PAPER)


def test_the_caption_is_never_cut() -> None:
    narrow = np.asarray(arrange([panel(DEPTH[:60, :80], RELATIVE)]))
    wide = np.asarray(arrange([panel(DEPTH[:60], RELATIVE)]))
    caption = [np.flatnonzero((sheet[-20:] < 200).all(axis=2).any(axis=0)) for sheet in (narrow, wide)]
    assert np.ptp(caption[0]) == np.ptp(caption[1])


def test_a_picture_stands_beside_its_depth() -> None:
    picture = uint8_picture(300, 400, 1)
    sheet = np.asarray(arrange([Panel(picture), panel(DEPTH, RELATIVE)]))
    assert np.array_equal(sheet[:300, :400], picture)
    assert np.array_equal(sheet[:300, -400:], panel(DEPTH, RELATIVE).picture)


def test_a_long_name_is_cut_to_the_panel() -> None:
    assert arrange([Panel(uint8_picture(300, 400, 1), "a very long name " * 20)]).width == 400


def test_equal_predictions_differ_nowhere() -> None:
    comparison = compare(DEPTH, MODEL, DEPTH, MODEL)
    assert comparison.largest_shown == 0
    assert comparison.sentence == "mean 0, largest 0"
    assert draw_comparison(comparison, ("one", "two")).width > 3 * 400


def test_two_models_of_one_kind_are_compared_as_they_are() -> None:
    comparison = compare(DEPTH, MODEL, DEPTH + 0.25, MODEL)
    assert np.allclose(comparison.difference, 0.25)
    assert comparison.title == "difference"


def test_relative_predictions_of_different_models_are_aligned_first() -> None:
    other = replace(MODEL, family="depth_anything_v1")
    comparison = compare(DEPTH, MODEL, 7 * DEPTH - 3, other)
    assert np.abs(comparison.difference).max() < 1e-5
    assert "aligned" in comparison.title


def test_metres_are_compared_in_metres() -> None:
    comparison = compare(DEPTH, METRIC_MODEL, DEPTH + 0.5, METRIC_MODEL)
    assert comparison.sentence == "mean 0.5 m, largest 0.5 m"


def test_metres_and_relative_depth_meet_in_inverse_depth() -> None:
    comparison = compare(1 / DEPTH, METRIC_MODEL, 5 * DEPTH + 2, MODEL)
    assert comparison.output.kind == "relative inverse depth"
    assert np.abs(comparison.difference).max() < 1e-4


def test_relative_depth_meets_metres_in_metres_and_inverse_depth_nowhere() -> None:
    farness = replace(MODEL, output=OutputConfig(kind="relative depth", activation="relu"))
    comparison = compare(DEPTH, METRIC_MODEL, 5 * DEPTH + 2, farness)
    assert np.abs(comparison.difference).max() < 1e-5
    with pytest.raises(Refusal, match="no scale and shift relates the two"):
        compare(DEPTH, MODEL, DEPTH, farness)


def test_classes_are_not_compared_with_depth() -> None:
    classes = replace(MODEL, output=OutputConfig(kind="classes", activation="none"))
    with pytest.raises(Refusal, match="predicts classes cannot be compared"):
        compare(DEPTH, MODEL, DEPTH, classes)


def test_channels_have_no_colours() -> None:
    with pytest.raises(Refusal, match="predicts 3 numbers for each pixel"):
        panel(np.zeros((4, 4, 3), np.float32), OutputConfig(kind="channels", activation="relu"))


def test_classes_are_painted_without_a_legend() -> None:
    classes = OutputConfig(kind="classes", activation="none")
    numbers = np.arange(12).reshape(3, 4)
    assert panel(numbers, classes).legend is None
    assert len(np.unique(panel(numbers, classes).picture.reshape(-1, 3), axis=0)) == 12
