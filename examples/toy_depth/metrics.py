"""How well a relative prediction fits: aligned by least squares in inverse depth, then compared as depth.

`muggle-convert eval` aligns robustly, because measurements are wrong here and there. Rendered distances are not, so that every pixel
has its say here: what a network gets wrong is not left out of the alignment, and the baseline is judged by the same plain rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muggle_convert.evaluation.metrics import measure

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
    numbers = measure(1 / truth, depth)
    return Score(numbers["abs_rel"], numbers["d1"])


def mean_score(scores: list[Score]) -> Score:
    return Score(float(np.mean([one.abs_rel for one in scores])), float(np.mean([one.delta1 for one in scores])))
