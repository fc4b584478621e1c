"""A model over a whole data set; pictures and measurements are read in advance while it predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_defs.network import Network
from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.alignment import Aligner, Alignment
from muggle_convert.evaluation.datasets import Dataset, Pair, Truth, read_truth
from muggle_convert.evaluation.judging import Measured, Rules, measured
from muggle_convert.evaluation.metrics import Numbers, mean
from muggle_convert.predict.photographs import Pixels, read_picture
from muggle_convert.predict.predictor import PROMPTED, main_map
from muggle_convert.predict.prefetch import prefetched

SAMPLES = 5000  # pixels taken from each image if all images share one alignment


@dataclass(frozen=True)
class Scores:
    """The numbers of one model."""

    mean: Numbers
    images: dict[str, Numbers]
    alignments: dict[str, Alignment]
    empty: tuple[str, ...]  # images without any measurement that counts


@dataclass(frozen=True)
class Evaluation:
    """One model and the rules it is evaluated by."""

    model: Network
    aligner: Aligner
    rules: Rules
    dataset: Dataset
    size: int | None = None

    def run(self, pairs: Sequence[Pair], over_the_set: bool, on_image: Callable[[], None]) -> Scores:
        """Every pair; twice if all images share one alignment."""
        shared = self._shared(pairs, on_image) if over_the_set else None
        images: dict[str, Numbers] = {}
        alignments: dict[str, Alignment] = {}
        empty: list[str] = []
        for pair, found in self._all(pairs, on_image):
            if not found.truth.size:
                empty.append(pair.name)
                continue
            alignments[pair.name] = shared or self._fit(pair, found)
            images[pair.name] = found.numbers(self.aligner, alignments[pair.name])
        if not images:
            raise Refusal("none of the images has a measurement that counts; check --crop, --cap and --dataset.")
        return Scores(mean(images.values()), images, alignments, tuple(empty))

    def _fit(self, pair: Pair, found: Measured) -> Alignment:
        try:
            return self.aligner.fit(found.prediction, found.truth)
        except Refusal as refusal:
            raise Refusal(f"{printable(pair.name)}: {refusal}") from None

    def _shared(self, pairs: Sequence[Pair], on_image: Callable[[], None]) -> Alignment:
        """From the same number of pixels of every image, spread across it."""
        predictions, truths = [], []
        for _, found in self._all(pairs, on_image):
            step = max(1, found.truth.size // SAMPLES)
            predictions.append(found.prediction[::step])
            truths.append(found.truth[::step])
        truth = np.concatenate(truths)
        return self.aligner.fit(np.concatenate(predictions), truth) if truth.size else Alignment()

    def _all(self, pairs: Sequence[Pair], on_image: Callable[[], None]) -> Iterator[tuple[Pair, Measured]]:
        with ThreadPoolExecutor(2) as readers:
            for pair, coming in prefetched(pairs, lambda pair: readers.submit(read_pair, pair, self.dataset)):
                picture, truth = coming.result()
                try:
                    yield pair, measured(truth, self.predict(picture, pair.prompt), self.rules)
                except Refusal as refusal:
                    raise Refusal(f"{printable(pair.name)}: {refusal}") from None
                on_image()

    def predict(self, picture: Pixels, prompt: Path | None = None) -> np.ndarray:
        """A network that takes no prompt is not shown any."""
        shown = [np.ascontiguousarray(picture[self.rules.window(picture)])]
        return main_map(self.model.predict(*shown, *([prompt] if self.model.inputs == PROMPTED else []), size=self.size))


def read_pair(pair: Pair, dataset: Dataset) -> tuple[Pixels, Truth]:
    return read_picture(pair.image), read_truth(pair.truth, dataset)
