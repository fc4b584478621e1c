"""One prediction against one measurement: the part that the network is shown, the pixels that count, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muggle_convert.errors import Refusal
from muggle_convert.evaluation.alignment import Aligner, Alignment, Values
from muggle_convert.evaluation.choices import Crop, DatasetName
from muggle_convert.evaluation.metrics import Numbers, measure
from muggle_convert.outputs import Prediction
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.sizes import Size

Window = tuple[slice, slice]

KITTI = (352, 1216)
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
        mask = inside_crop((truth.shape[0], truth.shape[1]), self.crop, self.dataset)
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


def inside_crop(size: Size, crop: Crop, dataset: DatasetName) -> npt.NDArray[np.bool_]:
    """The pixels that papers count, for an image of some size."""
    rows, columns = size
    if crop == "none":
        return np.ones(size, np.bool_)
    if crop == "garg":
        window = _shares(size, (0.40810811, 0.99189189), (0.03594771, 0.96405229))
    elif dataset == "kitti":
        window = _shares(size, (0.3324324, 0.91351351), (0.0359477, 0.96405229))
    elif dataset == "nyu":
        window = slice(45, 471), slice(41, 601)  # of 480 x 640, the only size NYU has
    else:
        raise Refusal("Eigen's crop differs between KITTI and NYU; pass --dataset kitti or --dataset nyu, or another --crop.")
    mask = np.zeros(size, np.bool_)
    mask[window] = True
    if not mask.any():
        raise Refusal(f"an image of {columns} x {rows} has no pixels inside the crop {crop}, made for larger images; pass another --crop.")
    return mask


def kitti_window(size: Size) -> Window:
    """The lowest 352 rows and the middle 1216 columns."""
    rows, columns = size
    if rows < KITTI[0] or columns < KITTI[1]:
        raise Refusal(f"--kb-crop takes {KITTI[1]} x {KITTI[0]} pixels of each image, and {columns} x {rows} is less; leave it out.")
    top, left = rows - KITTI[0], (columns - KITTI[1]) // 2
    return slice(top, top + KITTI[0]), slice(left, left + KITTI[1])


def _shares(size: Size, down: tuple[float, float], across: tuple[float, float]) -> Window:
    rows, columns = ([int(share * side) for share in shares] for side, shares in zip(size, (down, across), strict=True))
    return slice(*rows), slice(*columns)
