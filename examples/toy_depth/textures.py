"""Procedural textures. A pattern is a number between 0 and 1 at every surface point; a texture mixes two colours by it.

The patterns of training and those kept for evaluation are listed apart, and no colour belongs to a pattern, a shape or a
distance: colour alone must not tell the depth.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .shapes import Array

Pattern = Callable[[Array, Array], Array]

_LATTICE = np.random.default_rng(20230501).random((256, 256), dtype=np.float32)


def _value_noise(u: Array, v: Array) -> Array:
    column, row = np.floor(u), np.floor(v)
    s, t = u - column, v - row
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    i, j = column.astype(np.int32) & 255, row.astype(np.int32) & 255
    after, below = (i + 1) & 255, (j + 1) & 255
    top = _LATTICE[j, i] * (1 - s) + _LATTICE[j, after] * s
    bottom = _LATTICE[below, i] * (1 - s) + _LATTICE[below, after] * s
    return np.asarray(top * (1 - t) + bottom * t)


def _noise(u: Array, v: Array) -> Array:
    """Three octaves, stretched so that both colours show."""
    total = 0.5 * _value_noise(u, v) + 0.3 * _value_noise(2 * u + 17, 2 * v + 5) + 0.2 * _value_noise(4 * u + 3, 4 * v + 29)
    return np.asarray(np.clip((total - 0.5) * 2 + 0.5, 0, 1), np.float32)


def _plain(u: Array, v: Array) -> Array:
    return np.zeros_like(u)


def _gradient(u: Array, v: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.sin(u), np.float32)


def _checker(u: Array, v: Array) -> Array:
    return np.asarray((np.floor(u) + np.floor(v)) % 2, np.float32)


def _stripes(u: Array, v: Array) -> Array:
    return (u % 1 < 0.5).astype(np.float32)


def _tiles(u: Array, v: Array) -> Array:
    return ((u % 1 < 0.06) | (v % 1 < 0.06)).astype(np.float32)


def _brick(u: Array, v: Array) -> Array:
    row = np.floor(2 * v)
    across = u + 0.5 * (row % 2)
    mortar = (across % 1 < 0.08) | ((2 * v) % 1 < 0.15)
    return np.asarray(
        np.where(mortar, np.float32(1), 0.45 * _LATTICE[row.astype(np.int32) & 255, np.floor(across).astype(np.int32) & 255]), np.float32
    )


def _wood(u: Array, v: Array) -> Array:
    """Boards: grain along u, each board its own tone, a dark gap between two."""
    board = np.floor(v)
    tone = _LATTICE[7, board.astype(np.int32) & 255]
    grain = _value_noise(u * 0.7 + 31 * tone, v * 12)
    return np.asarray(np.where(v % 1 < 0.05, np.float32(1), 0.5 * tone + 0.4 * grain), np.float32)


def _dots(u: Array, v: Array) -> Array:
    return (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < 0.3).astype(np.float32)


def _hexagons(u: Array, v: Array) -> Array:
    """A honeycomb, each cell its own tone: the centres are two interleaved grids, and a point belongs to the nearer one."""
    height = np.float32(np.sqrt(3))
    row, between = v / height, v / height + 0.5
    first = np.hypot(u % 1 - 0.5, (row % 1 - 0.5) * height)
    second = np.hypot((u + 0.5) % 1 - 0.5, (between % 1 - 0.5) * height)
    tone = _LATTICE[np.floor(row).astype(np.int32) & 255, np.floor(u).astype(np.int32) & 255]
    other = _LATTICE[np.floor(between).astype(np.int32) & 255, (np.floor(u + 0.5).astype(np.int32) + 128) & 255]
    return np.asarray(np.where(first < second, tone, other), np.float32)


def _marble(u: Array, v: Array) -> Array:
    return np.asarray(np.abs(np.sin(2 * u + 5 * _noise(u, v))) ** np.float32(0.6), np.float32)


def _zigzag(u: Array, v: Array) -> Array:
    return ((v + np.abs(u % 1 - 0.5)) % 0.5 < 0.25).astype(np.float32)


def _plaid(u: Array, v: Array) -> Array:
    return np.asarray(0.5 * (u % 1 < 0.4) + 0.3 * (v % 1 < 0.4) + 0.2 * ((v * 3) % 1 < 0.2), np.float32)


SEEN: tuple[Pattern, ...] = (_plain, _gradient, _checker, _stripes, _tiles, _brick, _wood, _noise, _noise)
UNSEEN: tuple[Pattern, ...] = (_dots, _hexagons, _marble, _zigzag, _plaid)
PLAIN, GRADIENT, CHECKER, STRIPES, BRICK, WOOD, CLOUDS, PLAID = _plain, _gradient, _checker, _stripes, _brick, _wood, _noise, _plaid


@dataclass(frozen=True)
class Texture:
    pattern: Pattern
    first: tuple[float, float, float]
    second: tuple[float, float, float]
    period: float
    angle: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    grain: float = 0.0

    def colour(self, u: Array, v: Array, footprint: Array) -> Array:
        """(3, N) linear colours. `footprint` is what one pixel covers in metres: a pattern finer than that fades to its middle,
        as a lens would show it, instead of flickering."""
        cosine, sine = np.float32(np.cos(self.angle) / self.period), np.float32(np.sin(self.angle) / self.period)
        across, along = u * cosine + v * sine + np.float32(self.offset[0]), v * cosine - u * sine + np.float32(self.offset[1])
        visible = np.clip(1.5 - 2 * footprint / np.float32(self.period), 0, 1)
        weight = 0.4 + visible * (self.pattern(across, along) - 0.4)
        first, second = np.asarray(self.first, np.float32)[:, None], np.asarray(self.second, np.float32)[:, None]
        colour = first + weight * (second - first)
        if self.grain:
            colour = colour * (1 + np.float32(self.grain) * visible * (_value_noise(across * 9 + 11, along * 9) - 0.5))
        return np.asarray(colour, np.float32)


def random_colour(random: np.random.Generator) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(random.random(), random.random() ** 1.5 * 0.9, random.uniform(0.12, 0.95))


def random_texture(random: np.random.Generator, patterns: tuple[Pattern, ...], period: tuple[float, float]) -> Texture:
    pattern = patterns[random.integers(len(patterns))]
    low, high = period
    first = random_colour(random)
    # Most things are of nearly one colour, and where they are not a small network sees the pattern instead of the shape.
    contrast = random.random() ** 2
    red, green, blue = (one + contrast * (other - one) for one, other in zip(first, random_colour(random), strict=True))
    return Texture(
        pattern=pattern,
        first=first,
        second=(red, green, blue),
        period=float(np.exp(random.uniform(np.log(low), np.log(high)))),
        angle=float(random.choice((0.0, np.pi / 2, random.uniform(0, np.pi)))),
        offset=(float(random.uniform(0, 200)), float(random.uniform(0, 200))),
        grain=float(random.choice((0.0, random.uniform(0.05, 0.3)))),
    )
