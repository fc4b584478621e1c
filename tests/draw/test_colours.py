"""Colours that an eye reads as an order."""

from __future__ import annotations

import numpy as np
import pytest

from muggle_convert.draw import colours


def lightness(painted: np.ndarray) -> np.ndarray:
    """What the eye makes of a colour's brightness: L* of CIELAB."""
    encoded = painted / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    luminance = light @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance))


@pytest.mark.parametrize("name", colours.MAPS)
def test_nearer_is_lighter_in_even_steps(name: str) -> None:
    shades = lightness(colours.MAPS[name]()[:: 1023 // 11])
    steps = np.diff(shades)
    assert steps.min() > 4
    assert steps.max() < 12


def test_the_whole_range_of_dark_and_light_is_used() -> None:
    darkest, lightest = lightness(colours.near_and_far(np.array([0.0, 1.0])))
    assert darkest < 10
    assert lightest > 90


def test_values_beyond_the_scale_have_the_colour_of_its_end() -> None:
    assert np.array_equal(colours.near_and_far(np.array([-3.0, 7.0])), colours.near_and_far(np.array([0.0, 1.0])))


def test_no_difference_is_white_and_opposite_ones_are_equally_strong() -> None:
    below, none, above = colours.difference(np.array([-1.0, 0.0, 1.0]))
    assert none.min() > 235
    assert below.argmax() == 2
    assert above.argmax() == 0
    assert abs(lightness(below) - lightness(above)) < 6


def test_classes_that_follow_each_other_look_different() -> None:
    painted = colours.classes(np.arange(150)).astype(int)
    assert len({tuple(colour) for colour in painted}) == 150
    assert np.abs(np.diff(painted, axis=0)).sum(axis=1).min() > 60
