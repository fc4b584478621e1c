"""One prediction against one measurement: which pixels count, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muggle_convert.errors import Refusal
from muggle_convert.evaluation.alignment import Aligner, Alignment, Values
from muggle_convert.evaluation.choices import Crop, DatasetName
from muggle_convert.evaluation.metrics import Numbers, measure
from muggle_convert.evaluation.regions import Window, counted, kitti_window
from muggle_convert.outputs import Prediction
from muggle_convert.predict.photographs import Pixels

LOWEST = 0.001  # metres


@dataclass(frozen=True)
class Rules:
    """What counts in every image of a data set."""

    dataset: DatasetName
    crop: Crop
    kb_crop: bool
    cap: float | None  # metres

    def window(self, whole: Pixels | npt.NDArray[np.floating]) -> Window:
        """The part of an image that the network sees."""
        return kitti_window((whole.shape[0], whole.shape[1])) if self.kb_crop else (slice(None), slice(None))

    def counted(self, truth: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Which measured pixels of the whole image count."""
        mask = counted((truth.shape[0], truth.shape[1]), self.crop, self.dataset)
        mask &= (truth > LOWEST) & (truth < (self.cap or np.inf))
        seen = np.zeros_like(mask)
        seen[self.window(truth)] = True
        return mask & seen

    def farthest(self, truth: npt.NDArray[np.floating]) -> float:
        """Where predictions are clipped: at the cap, or else at the farthest measurement."""
        return self.cap or float(truth.max())


@dataclass(frozen=True)
class Measured:
    """The pixels that count: what was measured there and what was predicted."""

    truth: Values
    prediction: Values
    farthest: float

    def numbers(self, aligner: Aligner, alignment: Alignment) -> Numbers:
        return measure(self.truth, aligner.metres(self.prediction, alignment, LOWEST, self.farthest))


def measured(truth: npt.NDArray[np.floating], prediction: Prediction, rules: Rules) -> Measured:
    """From the whole image's measurements, and a prediction for it or for the part that the network saw."""
    window = rules.window(truth)
    if prediction.shape != truth[window].shape:
        raise Refusal(
            f"the picture is {prediction.shape[1]} x {prediction.shape[0]} and its measurements are {truth.shape[1]} x {truth.shape[0]}; "
            "both must have the same size."
        )
    mask = rules.counted(truth)[window]
    if mask.any() and not np.isfinite(prediction[mask]).any():
        raise Refusal("the model predicts no finite number where distances were measured; its weights may hold NaNs or infinities.")
    return Measured(truth[window][mask].astype(np.float64), prediction[mask].astype(np.float64), rules.farthest(truth))
