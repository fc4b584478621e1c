from __future__ import annotations

from itertools import islice
from pathlib import Path

import torch

from examples.finetune.batches import batches, place_in_epoch
from examples.finetune.crops import Cropping
from examples.finetune.folders import pairs_below
from muggle_convert.evaluation.datasets import DATASETS
from muggle_convert.evaluation.judging import Rules
from tests.configurations import SMALL


def test_every_epoch_shows_every_picture_once_in_another_order() -> None:
    first, second = ([place_in_epoch(place, 50, 7) for place in range(start, start + 50)] for start in (0, 50))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_a_batch_depends_on_its_number_alone(pairs: Path) -> None:
    cropping = Cropping(SMALL["depth_anything_v2"].config.image, Rules("plain", "none", False, None), DATASETS["plain"], (28, 28))
    training = pairs_below(pairs).training
    whole = list(islice(batches(training, cropping, 4, 1), 5))
    later = list(islice(batches(training, cropping, 4, 1, first=3), 2))
    for (image, truth), (other_image, other_truth) in zip(whole[3:], later, strict=True):
        assert torch.equal(image, other_image)
        assert torch.equal(truth, other_truth)
    assert (image.shape, truth.shape) == ((4, 3, 28, 28), (4, 28, 28))
