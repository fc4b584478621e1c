"""Two predictions of one picture, made comparable as far as what they mean allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_defs.config import DPTConfig, OutputConfig
from muggle_convert.draw.scales import DEPTH, nearness
from muggle_convert.errors import Refusal
from muggle_convert.predict.metres import Prediction


@dataclass(frozen=True)
class Comparison:
    """Two predictions in the same unit, and the second minus the first."""

    first: Prediction
    second: Prediction
    output: OutputConfig  # what the numbers of both mean now
    title: str

    @property
    def difference(self) -> Prediction:
        difference: Prediction = np.nan_to_num(self.second - self.first, posinf=0.0, neginf=0.0)
        return difference

    @property
    def largest_shown(self) -> float:
        """All but the largest differences fit on a scale to this."""
        return float(np.percentile(np.abs(self.difference), 99.5))

    @property
    def sentence(self) -> str:
        size = np.abs(self.difference)
        metres = " m" if self.output.kind == "metric depth" else ""
        return f"mean {size.mean():.2g}{metres}, largest {size.max():.2g}{metres}"


def compare(first: Prediction, one: DPTConfig, second: Prediction, other: DPTConfig) -> Comparison:
    """Metres are compared in metres. Relative numbers are compared as they are between models of one configuration, and otherwise after the scale
    and the shift that bring the second closest to the first, in whatever is linear for the relative one."""
    kinds = {one.output.kind, other.output.kind}
    if unlike := next((kind for kind in (one.output.kind, other.output.kind) if kind not in DEPTH), None):
        raise Refusal(f"a model that predicts {unlike} is not compared; two models that predict depth are.")
    if one == other or kinds == {"metric depth"}:
        return Comparison(first, second, one.output, "difference")
    if kinds >= {"relative inverse depth", "relative depth"}:
        raise Refusal("one model predicts relative inverse depth and the other relative depth, which no scale and shift make the same.")
    relative = next(config.output for config in (one, other) if config.output.kind != "metric depth")
    values = [
        nearness(prediction, config.output.kind) if relative.kind == "relative inverse depth" else prediction
        for prediction, config in ((first, one), (second, other))
    ]
    return Comparison(values[0], _aligned(values[1], values[0]), relative, "difference, scale and shift aligned")


def _aligned(values: Prediction, target: Prediction) -> Prediction:
    """Scaled and shifted to be as near to the target as possible, by least squares."""
    both = np.isfinite(values) & np.isfinite(target)
    x, y = values[both].astype(np.float64), target[both].astype(np.float64)
    spread = x - x.mean()
    scale = (spread * y).sum() / max((spread**2).sum(), 1e-30)
    aligned: Prediction = (scale * (values - x.mean()) + y.mean()).astype(np.float32)
    return aligned
