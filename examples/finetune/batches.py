"""Crops in the order of training, cut ahead of their turn by threads. What a step sees depends on the seed and its number alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from muggle_convert.evaluation.datasets import Pair

from .crops import Crop, Cropping

AHEAD = 4  # batches
THREADS = 4


def batches(pairs: Sequence[Pair], cropping: Cropping, size: int, seed: int, first: int = 0) -> Iterator[Crop]:
    """(B, 3, H, W) and (B, H, W) from the batch of number `first` on, without end."""
    with ThreadPoolExecutor(THREADS) as readers:
        coming: deque[list[Future[Crop]]] = deque()
        number = first
        while True:
            while len(coming) <= AHEAD:
                places = range(number * size, (number + 1) * size)
                crops = [
                    readers.submit(cropping, pairs[place_in_epoch(place, len(pairs), seed)], np.random.default_rng((seed, 1, place)))
                    for place in places
                ]
                coming.append(crops)
                number += 1
            images, truths = zip(*(crop.result() for crop in coming.popleft()), strict=True)
            yield torch.stack(images), torch.stack(truths)


def place_in_epoch(place: int, count: int, seed: int) -> int:
    """Which picture is the one of a number: all of them in some order, then all of them in another one."""
    epoch, position = divmod(place, count)
    return int(np.random.default_rng((seed, 0, epoch)).permutation(count)[position])
