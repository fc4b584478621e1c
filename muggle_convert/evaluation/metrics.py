"""The nine numbers that papers on depth report, for one image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Distances = npt.NDArray[np.floating]  # metres, in any shape
Numbers = Mapping[str, float]

# Their names in papers, and whether larger is better.
NAMES: Mapping[str, tuple[str, bool]] = {
    "d1": ("delta 1", True),
    "d2": ("delta 2", True),
    "d3": ("delta 3", True),
    "abs_rel": ("AbsRel", False),
    "sq_rel": ("SqRel", False),
    "rmse": ("RMSE", False),
    "rmse_log": ("RMSE log", False),
    "silog": ("SILog", False),
    "log10": ("log10", False),
}


def measure(truth: Distances, prediction: Distances) -> Numbers:
    """All distances are above zero, and both arrays have the same shape."""
    true, found = np.asarray(truth, np.float64).ravel(), np.asarray(prediction, np.float64).ravel()
    ratio = np.maximum(true / found, found / true)
    error, logs = found - true, np.log(found) - np.log(true)
    return {
        "d1": float((ratio < 1.25).mean()),
        "d2": float((ratio < 1.25**2).mean()),
        "d3": float((ratio < 1.25**3).mean()),
        "abs_rel": float((np.abs(error) / true).mean()),
        "sq_rel": float((error**2 / true).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "rmse_log": float(np.sqrt((logs**2).mean())),
        "silog": float(100 * logs.std()),
        "log10": float(np.abs(logs / np.log(10)).mean()),
    }


def mean(numbers: Iterable[Numbers]) -> Numbers:
    """Over images, each of which counts the same, however much of it was measured."""
    rows = list(numbers)
    return {name: float(np.mean([row[name] for row in rows])) for name in NAMES}
