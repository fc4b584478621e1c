"""Which pixels count: the crops that papers use, and the part of a KITTI picture that networks are shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import Crop, DatasetName
from muggle_convert.predict.sizes import Size

Window = tuple[slice, slice]

KITTI = (352, 1216)


def counted(size: Size, crop: Crop, dataset: DatasetName) -> npt.NDArray[np.bool_]:
    """The pixels inside a crop, for an image of some size."""
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
        raise Refusal(
            f"an image of {columns} x {rows} has no pixels inside the crop {crop}, which is meant for larger images; pass another --crop."
        )
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
