from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from examples.finetune.objective import objective
from model_defs.config import OutputConfig
from muggle_convert import Refusal

INVERSE, METRIC = OutputConfig("relative inverse depth", "relu"), OutputConfig("metric depth", "sigmoid", max_depth=20.0)
METRES = 1 + 9 * torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(0))


def test_inverse_depth_is_held_against_one_over_metres_up_to_scale_and_shift() -> None:
    assert objective(INVERSE, "relative", 0.5)(3 / METRES + 2, METRES).item() == pytest.approx(0, abs=1e-5)
    assert objective(INVERSE, "relative", 0.5)(METRES, METRES).item() > 0.5


def test_what_evaluation_counts_is_added_to_the_loss_of_midas() -> None:
    off = 1 / METRES + 0.1 * torch.rand(METRES.shape, generator=torch.Generator().manual_seed(1))
    assert objective(INVERSE, "aligned", 0.5)(3 / METRES + 2, METRES).item() == pytest.approx(0, abs=1e-4)
    assert objective(INVERSE, "aligned", 0.5)(off, METRES) > objective(INVERSE, "relative", 0.5)(off, METRES)


def test_relative_depth_is_held_against_metres() -> None:
    assert objective(replace(INVERSE, kind="relative depth"), "relative", 0.5)(3 * METRES + 2, METRES).item() == pytest.approx(0, abs=1e-5)


def test_metres_are_held_against_metres() -> None:
    assert objective(METRIC, "metric", 0.5)(METRES, METRES).item() == pytest.approx(0, abs=1e-5)
    assert objective(METRIC, "metric", 0.5)(2 * METRES, METRES).item() > 0.4


@pytest.mark.parametrize(("output", "loss"), [(INVERSE, "relative"), (INVERSE, "aligned"), (METRIC, "metric")])
def test_pixels_at_zero_metres_were_not_measured(output: OutputConfig, loss: str) -> None:
    unknown = METRES.clone()
    unknown[:, :5] = 0
    prediction = METRES if loss == "metric" else 1 / METRES
    wild = prediction.clone()
    wild[:, :5] = 1e3
    held = objective(output, loss, 0.5)
    assert held(wild, unknown).item() == pytest.approx(held(prediction, unknown).item(), abs=1e-6)


def test_without_its_weight_gradients_are_not_matched() -> None:
    prediction = 1 / METRES + torch.rand(METRES.shape, generator=torch.Generator().manual_seed(1))
    assert objective(INVERSE, "relative", 0.0)(prediction, METRES) < objective(INVERSE, "relative", 0.5)(prediction, METRES)


@pytest.mark.parametrize(
    ("output", "loss", "why"),
    [
        (INVERSE, "metric", "relative inverse depth, which has no unit"),
        (METRIC, "aligned", "metric depth, which a loss that is blind to scale would let go"),
        (METRIC, "relative", "metric depth, which a loss that is blind to scale would let go"),
        (OutputConfig("classes", "none"), "relative", "classes"),
    ],
)
def test_a_loss_that_does_not_suit_the_prediction_is_refused(output: OutputConfig, loss: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        objective(output, loss, 0.5)
