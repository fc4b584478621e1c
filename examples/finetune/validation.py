"""The project's own evaluation, while a network is in training."""

from __future__ import annotations

from collections.abc import Sequence

from model_defs.network import Network
from muggle_convert.evaluation.alignment import aligner
from muggle_convert.evaluation.datasets import Dataset, Pair
from muggle_convert.evaluation.judging import Rules
from muggle_convert.evaluation.metrics import Numbers
from muggle_convert.evaluation.running import Evaluation


def validate(model: Network, pairs: Sequence[Pair], rules: Rules, dataset: Dataset) -> Numbers:
    """What `muggle-convert eval` says of it: relative predictions aligned picture by picture, metric ones as they are."""
    model.eval()
    return Evaluation(model, aligner(model.config.output, None), rules, dataset).run(pairs, False, lambda: None).mean
