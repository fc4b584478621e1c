"""From predictions without a unit to metres: the scale, or scale and shift, that brings them closest to the measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import Align
from muggle_convert.outputs import Distance, kind_of

Values = npt.NDArray[np.float64]

ROUNDS = 20
LINES, SEEN = 500, 1000  # lines that are tried, and pixels each is compared with
TUKEY = 4.685  # deviations beyond which a pixel has no weight; 95 % as efficient as plain least squares without outliers


@dataclass(frozen=True)
class Alignment:
    """What predictions are multiplied by, and what is added."""

    scale: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class Aligner:
    """How the numbers of one model become metres."""

    how: Align
    distance: Distance  # what the numbers are

    def fit(self, prediction: Values, truth: Values) -> Alignment:
        """From measured pixels."""
        if self.how == "none":
            return Alignment()
        if self.how == "median":
            depth = self._depth(prediction)
            middle = float(np.median(depth)) if depth.size else 0.0
            if not 0 < middle < np.inf:
                raise Refusal("the median prediction is not a finite distance above zero and cannot set a scale; use --align scale-shift.")
            return Alignment(float(np.median(truth)) / middle)
        values = self._linear(prediction)
        known = np.isfinite(values)
        if not known.any():
            raise Refusal("the model predicts no distance above zero where any was measured, so nothing can be fitted; check its weights.")
        return fit_robustly(values[known], 1 / truth[known] if self._in_inverse else truth[known])

    def metres(self, prediction: Values, alignment: Alignment, lowest: float, highest: float) -> Values:
        """Distances between `lowest` and `highest`; NaNs become the nearest, infinity the farthest."""
        if self.how == "scale-shift":
            fitted = self._linear(prediction) * alignment.scale + alignment.shift
            metres = _inverse(fitted) if self._in_inverse else fitted
        else:
            metres = self._depth(prediction) * alignment.scale
        return np.clip(np.nan_to_num(metres, nan=lowest, posinf=highest, neginf=lowest), lowest, highest)

    @property
    def _in_inverse(self) -> bool:
        """Whether scale and shift apply to inverse depth."""
        return self.distance.is_inverse or self.distance.in_metres

    def _linear(self, prediction: Values) -> Values:
        return _inverse(prediction) if self.distance.in_metres else prediction

    def _depth(self, prediction: Values) -> Values:
        return _inverse(prediction) if self.distance.is_inverse else prediction


def aligner(output: OutputConfig, how: Align | None) -> Aligner:
    """For a model; by default metres stay as they are and relative predictions get scale and shift."""
    distance = kind_of(output).distance
    if distance is None:
        raise Refusal(f"the model predicts {output.kind}, which cannot be compared with measured distances; evaluate a model of depth.")
    if how == "none" and not distance.in_metres:
        raise Refusal(f"the model predicts {output.kind}, which has no unit; use --align scale-shift or --align median.")
    return Aligner(how or ("none" if distance.in_metres else "scale-shift"), distance)


def _inverse(values: Values) -> Values:
    """Infinity where a value is not above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(values), np.nan, np.where(values > 0, 1 / values, np.inf))


def fit_robustly(values: Values, wanted: Values) -> Alignment:
    """Scale and shift by least squares, repeated with less and less weight for outliers: Tukey's biweight.

    It starts from the line through two pixels that comes closest to half of all pixels, so neither wrong measurements nor wrong
    predictions mislead it as long as they are fewer than half.
    """
    fitted = _closest_line(values, wanted)
    for _ in range(ROUNDS):
        off = np.abs(values * fitted.scale + fitted.shift - wanted)
        spread = 1.4826 * float(np.median(off))
        if spread <= 1e-9 * float(np.abs(wanted).max()):
            break  # more than half of all pixels fit exactly
        fitted = _least_squares(values, wanted, np.maximum(1 - (off / (TUKEY * spread)) ** 2, 0) ** 2)
    return fitted


def _closest_line(values: Values, wanted: Values) -> Alignment:
    """The best of some hundred lines through two random pixels (the same ones every time) and the line by plain least squares."""
    random = np.random.default_rng(0)
    seen = random.permutation(values.size)[:SEEN]
    ones, others = random.integers(0, values.size, (2, LINES))
    differs = values[ones] != values[others]
    ones, others = ones[differs], others[differs]
    plain = _least_squares(values, wanted, np.ones_like(values))
    scales = (wanted[ones] - wanted[others]) / (values[ones] - values[others])
    shifts = np.append(wanted[ones] - scales * values[ones], plain.shift)
    scales = np.append(scales, plain.scale)
    off = np.median(np.abs(np.outer(scales, values[seen]) + shifts[:, None] - wanted[seen]), axis=1)
    best = int(np.argmin(off))
    return Alignment(float(scales[best]), float(shifts[best]))


def _least_squares(values: Values, wanted: Values, weights: Values) -> Alignment:
    total = weights.sum()
    if not total > 0:
        return Alignment()
    middle, target = float((weights * values).sum() / total), float((weights * wanted).sum() / total)
    spread = values - middle
    squares = float((weights * spread**2).sum())
    scale = float((weights * spread * (wanted - target)).sum()) / squares if squares > 0 else 0.0
    return Alignment(scale, target - scale * middle)
