"""Colour maps made in OKLab: equal steps of a value look like equal steps of lightness, in print and to colour-blind readers too.

OKLab is Björn Ottosson's space, https://bottosson.github.io/posts/oklab
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Colours = npt.NDArray[np.uint8]  # (..., 3)
Values = npt.NDArray[Any]

_TO_CONES = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]])
_TO_LIGHT = np.array(
    [[4.0767416621, -3.3077115913, 0.23096993], [-1.2684380046, 2.6097574011, -0.34131940], [-0.0041960863, -0.7034186147, 1.70761470]]
)
_STEPS = np.linspace(0, 1, 1024)
_LIGHTNESS = 0.17 + 0.78 * _STEPS


def near_and_far(values: Values) -> Colours:
    """Values from 0, far and dark, to 1, near and bright."""
    return _look_up(MAPS["dusk"](), values)


def difference(values: Values) -> Colours:
    """Values from -1, blue, through 0, white, to 1, red."""
    return _look_up(_difference(), (values + 1) / 2)


def classes(numbers: npt.NDArray[np.integer[Any]]) -> Colours:
    """A colour for each number; consecutive numbers are far apart in hue."""
    turns = numbers * 0.6180339887498949  # multiples of the golden ratio never repeat a hue
    lightness = 0.55 + 0.1 * (numbers % 4)
    return _oklch(lightness, np.full(numbers.shape, 0.12), 360 * (turns % 1))


def _look_up(table: Colours, values: Values) -> Colours:
    """What is no number gets the first colour."""
    places = np.clip(np.rint(values * (len(table) - 1)), 0, len(table) - 1)
    with np.errstate(invalid="ignore"):
        found: Colours = np.take(table, places.astype(np.int32), axis=0, mode="clip")  # which is several times as fast as indexing
    return found


@cache
def _dusk() -> Colours:
    return _oklch(_LIGHTNESS, 0.05 + 0.15 * np.sin(np.pi * _STEPS**0.9) ** 0.8, 285 + 180 * _STEPS)


@cache
def _sea() -> Colours:
    return _oklch(_LIGHTNESS, 0.04 + 0.09 * np.sin(np.pi * _STEPS), 280 - 120 * _STEPS)


@cache
def _ember() -> Colours:
    return _oklch(_LIGHTNESS, 0.03 + 0.15 * np.sin(np.pi * _STEPS**0.8), 10 + 90 * _STEPS)


@cache
def _grey() -> Colours:
    return _oklch(_LIGHTNESS, np.zeros(1), np.zeros(1))


# By name, from far and dark to near and bright; the first is the one that pictures are drawn in.
MAPS: Mapping[str, Callable[[], Colours]] = {"dusk": _dusk, "sea": _sea, "ember": _ember, "grey": _grey}


@cache
def _difference() -> Colours:
    away = np.abs(2 * _STEPS - 1)
    return _oklch(0.97 - 0.52 * away, 0.19 * away, np.where(_STEPS < 0.5, 255, 28))


def _oklch(lightness: Values, chroma: Values, hue: Values) -> Colours:
    """As colourful as asked, or as a screen allows at that lightness and hue."""
    lightness, chroma, hue = np.broadcast_arrays(lightness, chroma, np.deg2rad(hue))
    direction = np.stack([np.cos(hue), np.sin(hue)], axis=-1)
    lowest, highest = np.zeros_like(chroma), chroma
    for _ in range(12):
        middle = (lowest + highest) / 2
        light = _linear(lightness, middle[..., None] * direction)
        fits = ((light >= 0) & (light <= 1)).all(axis=-1)
        lowest, highest = np.where(fits, middle, lowest), np.where(fits, highest, middle)
    light = np.clip(_linear(lightness, lowest[..., None] * direction), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    colours: Colours = np.rint(encoded * 255).astype(np.uint8)
    return colours


def _linear(lightness: Values, plane: Values) -> Values:
    cones = np.concatenate([lightness[..., None], plane], axis=-1) @ _TO_CONES.T
    light: Values = cones**3 @ _TO_LIGHT.T
    return light
