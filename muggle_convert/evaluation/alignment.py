"""From predictions without a unit to metres: the scale, or the scale and the shift, with which they come closest to what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.draw.scales import DEPTH
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import Align

Values = npt.NDArray[np.float64]

ROUNDS = 20
LINES, SEEN = 500, 1000  # lines that are tried, and pixels each is held against
TUKEY = 4.685  # deviations from which on a pixel has no say; 95 % as good as plain squares where nothing is an outlier


@dataclass(frozen=True)
class Alignment:
    """What numbers are multiplied by and what is added."""

    scale: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class Aligner:
    """How the numbers of one model become metres."""

    how: Align
    kind: str  # of prediction

    def fit(self, prediction: Values, truth: Values) -> Alignment:
        """From measured pixels."""
        if self.how == "none":
            return Alignment()
        if self.how == "median":
            depth = self._depth(prediction)
            middle = float(np.median(depth)) if depth.size else 0.0
            if not 0 < middle < np.inf:
                raise Refusal("half of the prediction is no distance above zero, so that its median is none; use --align scale-shift.")
            return Alignment(float(np.median(truth)) / middle)
        values = self._linear(prediction)
        known = np.isfinite(values)
        if not known.any():
            raise Refusal("the model predicts no distance above zero where distances were measured, so that no scale and shift fit.")
        return fit_robustly(values[known], 1 / truth[known] if self._turns_over else truth[known])

    def metres(self, prediction: Values, alignment: Alignment, lowest: float, highest: float) -> Values:
        """Distances, none nearer than `lowest` or farther than `highest`; what is no number is put nearest, what is at infinity farthest."""
        if self.how == "scale-shift":
            fitted = self._linear(prediction) * alignment.scale + alignment.shift
            metres = _inverse(fitted) if self._turns_over else fitted
        else:
            metres = self._depth(prediction) * alignment.scale
        return np.clip(np.nan_to_num(metres, nan=lowest, posinf=highest, neginf=lowest), lowest, highest)

    @property
    def _turns_over(self) -> bool:
        """Whether scale and shift work on inverse depth."""
        return self.kind != "relative depth"

    def _linear(self, prediction: Values) -> Values:
        return _inverse(prediction) if self.kind == "metric depth" else prediction

    def _depth(self, prediction: Values) -> Values:
        return _inverse(prediction) if self.kind == "relative inverse depth" else prediction


def aligner(output: OutputConfig, how: Align | None) -> Aligner:
    """For a model; without a word on it metres stay as they are and relative predictions get scale and shift."""
    if output.kind not in DEPTH:
        raise Refusal(f"the model predicts {output.kind}, which cannot be held against measured distances.")
    if how == "none" and output.kind != "metric depth":
        raise Refusal(f"the model predicts {output.kind}, which has no unit; use --align scale-shift or --align median.")
    return Aligner(how or ("none" if output.kind == "metric depth" else "scale-shift"), output.kind)


def _inverse(values: Values) -> Values:
    """Infinity where there is nothing above zero to turn over."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(values), np.nan, np.where(values > 0, 1 / values, np.inf))


def fit_robustly(values: Values, wanted: Values) -> Alignment:
    """Scale and shift by least squares, again and again without those that lie far off: Tukey's biweight.

    It is begun from the line through two pixels that comes closest to half of all, so that neither wrong measurements nor wrong
    predictions lead it astray, as long as they are less than half.
    """
    fitted = _closest_line(values, wanted)
    for _ in range(ROUNDS):
        off = np.abs(values * fitted.scale + fitted.shift - wanted)
        spread = 1.4826 * float(np.median(off))
        if spread <= 1e-9 * float(np.abs(wanted).max()):
            break  # more than half of all pixels fit to the last digit
        fitted = _least_squares(values, wanted, np.maximum(1 - (off / (TUKEY * spread)) ** 2, 0) ** 2)
    return fitted


def _closest_line(values: Values, wanted: Values) -> Alignment:
    """Of some hundred lines through two pixels, drawn the same way each time, and the one by plain least squares."""
    random = np.random.default_rng(0)
    seen = random.permutation(values.size)[:SEEN]
    ones, others = random.integers(0, values.size, (2, LINES))
    apart = values[ones] - values[others]
    ones, others, apart = ones[apart != 0], others[apart != 0], apart[apart != 0]
    scales = (wanted[ones] - wanted[others]) / apart
    lines = [Alignment(float(s), float(t)) for s, t in zip(scales, wanted[ones] - scales * values[ones], strict=True)]
    lines.append(_least_squares(values, wanted, np.ones_like(values)))
    off = [np.median(np.abs(values[seen] * line.scale + line.shift - wanted[seen])) for line in lines]
    return lines[int(np.argmin(off))]


def _least_squares(values: Values, wanted: Values, weights: Values) -> Alignment:
    total = weights.sum()
    if not total > 0:
        return Alignment()
    middle, target = float((weights * values).sum() / total), float((weights * wanted).sum() / total)
    spread = values - middle
    squares = float((weights * spread**2).sum())
    scale = float((weights * spread * (wanted - target)).sum()) / squares if squares > 0 else 0.0
    return Alignment(scale, target - scale * middle)
