from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from examples.finetune.first_alignment import FARTHEST, aligned, set_output
from examples.finetune.folders import pairs_below
from examples.finetune.trainable import trainable
from model_defs.network import Network
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.evaluation.datasets import DATASETS, Pair
from muggle_convert.evaluation.judging import Rules

PLAIN, RULES = DATASETS["plain"], Rules("plain", "none", False, None)


def measured_as(model: Network, pairs: list[Pair], scale: float, shift: float) -> None:
    """Measurements that make the model right, but for a scale and a shift of inverse depth."""
    for pair in pairs:
        np.save(pair.truth, 1 / (scale * model.predict(pair.image) + shift))


def test_the_scale_and_the_shift_of_the_whole_set_are_found(model: Path, pairs: Path) -> None:
    network, training = load_any_dpt(model), pairs_below(pairs).training
    measured_as(network, training, 0.05, 0.02)
    output = aligned(network, training, RULES, PLAIN)
    assert (output.kind, output.invert) == ("metric depth", True)
    assert (output.scale, output.shift) == (pytest.approx(0.05, rel=1e-3), pytest.approx(0.02, rel=1e-2))


def test_with_them_the_model_predicts_metres(model: Path, pairs: Path) -> None:
    network, training = trainable(load_any_dpt(model)).eval(), pairs_below(pairs).training
    measured_as(network, training, 0.05, 0.02)
    set_output(network, aligned(network, training, RULES, PLAIN))
    assert np.allclose(network.predict(training[0].image), np.load(training[0].truth), rtol=0.02)
    image = torch.zeros(1, 3, 42, 42)
    assert network(image).min() > 0


def test_a_prediction_of_nothing_stays_within_reach(model: Path, pairs: Path) -> None:
    network, training = load_any_dpt(model), pairs_below(pairs).training
    measured_as(network, training, 0.05, -0.02)
    for pair in training:
        np.save(pair.truth, np.where(np.load(pair.truth) > 0, np.load(pair.truth), 0))
    assert aligned(network, training, RULES, PLAIN).shift == 1 / FARTHEST


def test_near_and_far_exchanged_cannot_be_aligned(model: Path, pairs: Path) -> None:
    network, training = load_any_dpt(model), pairs_below(pairs).training
    measured_as(network, training, -0.05, 1.0)
    with pytest.raises(Refusal, match="no scale turns it into metres"):
        aligned(network, training, RULES, PLAIN)


def test_only_inverse_depth_is_aligned(model: Path) -> None:
    network = load_any_dpt(model)
    network.config = replace(network.config, output=replace(network.config.output, kind="relative depth"))
    with pytest.raises(Refusal, match="predicts relative depth; only relative inverse depth"):
        aligned(network, [], RULES, PLAIN)
