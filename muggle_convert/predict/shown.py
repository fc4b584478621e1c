"""Predictions as arrays that a notebook shows as pictures; everywhere else they are arrays like any."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from model_defs.config import OutputConfig
from muggle_convert.outputs import Prediction, kind_of

LONGEST = 768  # pixels along a side of the picture


class ShownPrediction(np.ndarray[Any, np.dtype[Any]]):
    """One prediction. What is computed from it is an ordinary array, whose numbers nothing is known of; a part of it is still one."""

    output: OutputConfig | None

    @classmethod
    def of(cls, prediction: Prediction, output: OutputConfig) -> ShownPrediction:
        shown = prediction.view(cls)
        shown.output = output
        return shown

    def __array_finalize__(self, whole: npt.NDArray[Any] | None) -> None:
        self.output = getattr(whole, "output", None)

    def __array_wrap__(self, array: npt.NDArray[Any], context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array)[()] if not array.ndim else np.asarray(array)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Whoever unpickles it needs nothing of this program."""
        return np.asarray(self).__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def _repr_png_(self) -> bytes | None:
        """For IPython, by whose name it goes: none where no colour can show it."""
        if (
            self.output is None
            or self.ndim != 2
            or not self.size
            or not (kind_of(self.output).distance or kind_of(self.output).has_classes)
        ):
            return None
        from muggle_convert.draw.panels import arrange
        from muggle_convert.draw.predictions import panel

        step = -(-max(self.shape) // LONGEST)
        drawn = BytesIO()
        arrange([panel(np.asarray(self)[::step, ::step], self.output)]).save(drawn, "png")
        return drawn.getvalue()
