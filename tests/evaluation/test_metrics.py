from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from muggle_convert.evaluation.alignment import Aligner, Alignment
from muggle_convert.evaluation.choices import DatasetName
from muggle_convert.evaluation.datasets import DATASETS, read_truth
from muggle_convert.evaluation.judging import Rules, measured
from muggle_convert.evaluation.metrics import NAMES, Numbers, mean, measure
from muggle_convert.outputs import METRES
from tests.evaluation.cases import CASES, arrays

METRIC = Aligner("none", METRES)


def rules(case: dict[str, Any]) -> Rules:
    return Rules(case["dataset"], case["crop"] or "none", case["kb_crop"], case["max_depth"])


def numbers(case: dict[str, Any], truth: np.ndarray, prediction: np.ndarray) -> Numbers:
    return measured(truth, prediction, rules(case)).numbers(METRIC, Alignment())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_numbers_are_those_of_the_published_evaluation(case: dict[str, Any]) -> None:
    found = mean(numbers(case, *pair) for pair in arrays(case))
    assert found == pytest.approx(case["expected"], rel=1e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_measurements_from_16_bit_files_give_the_same_up_to_their_steps(case: dict[str, Any], tmp_path: Path) -> None:
    dataset, found = DATASETS[case["dataset"]], []
    for truth, prediction in arrays(case):
        Image.fromarray(np.rint(truth * dataset.steps).astype(np.uint16)).save(tmp_path / "truth.png")
        found.append(numbers(case, read_truth(tmp_path / "truth.png", dataset), prediction))
    assert mean(found) == pytest.approx(case["expected"], rel=5e-4)


def test_the_nine_numbers_of_two_pixels_by_hand() -> None:
    found = measure(np.array([1.0, 4.0]), np.array([2.0, 4.0]))
    assert found == pytest.approx(
        {
            "d1": 0.5,
            "d2": 0.5,
            "d3": 0.5,
            "abs_rel": 0.5,
            "sq_rel": 0.5,
            "rmse": 0.5**0.5,
            "rmse_log": np.log(2) / 2**0.5,
            "silog": 100 * np.log(2) / 2,
            "log10": np.log10(2) / 2,
        }
    )


def test_a_perfect_prediction_has_no_error() -> None:
    depth = np.linspace(1, 9, 50)
    assert measure(depth, depth) == {name: float(is_larger_better) for name, (_, is_larger_better) in NAMES.items()}


def test_a_wrong_scale_for_all_pixels_does_not_change_the_scale_invariant_error() -> None:
    depth = np.linspace(1, 9, 50)
    assert measure(depth, 1.3 * depth)["silog"] == pytest.approx(0, abs=1e-6)
    assert measure(depth, 1.3 * depth)["abs_rel"] == pytest.approx(0.3)


def test_every_image_counts_the_same_in_the_mean() -> None:
    one, other = measure(np.ones(1), np.full(1, 2.0)), measure(np.ones(1000), np.ones(1000))
    assert mean([one, other])["abs_rel"] == 0.5


def test_every_data_set_that_can_be_chosen_is_known_under_its_name() -> None:
    assert {name: dataset.name for name, dataset in DATASETS.items()} == {name: name for name in get_args(DatasetName)}
