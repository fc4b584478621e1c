"""What is minimised for a model: which loss, and in which of depth and inverse depth it compares."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from examples.losses.aligned import missed_share, relative_error
from examples.losses.scale_and_shift_invariant import scale_and_shift_invariant_loss
from examples.losses.scale_invariant_log import scale_invariant_log_loss
from model_defs.config import OutputConfig
from muggle_convert.errors import Refusal

LOSSES = ("relative", "aligned", "metric")
Objective = Callable[[Tensor, Tensor], Tensor]  # of a prediction and of metres, zero where they are unknown


def objective(output: OutputConfig, loss: str, gradient_weight: float) -> Objective:
    """`relative` is blind to scale and shift and matches gradients; `aligned` adds what evaluation asks for; `metric` is the scale-invariant
    logarithm's."""
    if loss == "metric":
        if output.kind != "metric depth":
            raise Refusal(f"the model predicts {output.kind}, which has no unit; align it first, or train it with --loss relative.")
        return lambda prediction, metres: scale_invariant_log_loss(prediction, metres, metres > 0)
    if output.kind not in ("relative inverse depth", "relative depth"):
        raise Refusal(f"the model predicts {output.kind}, which a loss that is blind to scale would let go; train it with --loss metric.")
    asks_as_evaluation = loss == "aligned"
    turns_over = output.kind == "relative inverse depth"

    def blind_to_scale(prediction: Tensor, metres: Tensor) -> Tensor:
        known = metres > 0
        target = (1 / metres.masked_fill(~known, 1)) if turns_over else metres
        error = scale_and_shift_invariant_loss(prediction, target, known, gradient_weight)
        if asks_as_evaluation:
            error = error + relative_error(prediction, target, known) + missed_share(prediction, target, known)
        return error

    return blind_to_scale
