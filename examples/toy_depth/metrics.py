"""How well a relative prediction fits: aligned by least squares in inverse depth, then compared as depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FARTHEST = 30.0
"""Metres. Beyond it a prediction of inverse depth is a matter of its last digit, so nothing is judged there."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    abs_rel: float
    delta1: float


def aligned(prediction: Values, nearness: Values) -> Values:
    """scale * prediction + shift with the least squared distance from the true inverse depth."""
    columns = np.stack([prediction, np.ones_like(prediction)], axis=1)
    solution, *_ = np.linalg.lstsq(columns, nearness, rcond=None)
    return np.asarray(columns @ solution)


def score(prediction: NDArray[np.floating], nearness: NDArray[np.floating]) -> Score:
    """Both (H, W); where the truth is farther than 30 metres, and in the sky, nothing is compared."""
    judged = nearness > 1 / FARTHEST
    truth = nearness[judged].astype(np.float64)
    depth = 1 / np.maximum(aligned(prediction[judged].astype(np.float64), truth), 1 / FARTHEST)
    true_depth = 1 / truth
    ratio = np.maximum(depth / true_depth, true_depth / depth)
    return Score(float(np.mean(np.abs(depth - true_depth) / true_depth)), float(np.mean(ratio < 1.25)))


def mean_score(scores: list[Score]) -> Score:
    return Score(float(np.mean([one.abs_rel for one in scores])), float(np.mean([one.delta1 for one in scores])))
