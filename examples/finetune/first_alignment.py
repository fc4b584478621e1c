"""From a relative model to a metric one, before it is trained on metres: one scale and one shift, from the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model_defs.config import OutputConfig
from model_defs.network import Network
from model_defs.parts.head import activation
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.alignment import aligner
from muggle_convert.evaluation.datasets import Dataset, Pair
from muggle_convert.evaluation.judging import Rules
from muggle_convert.evaluation.running import Evaluation

PICTURES = 200
FARTHEST = 1000.0
"""Metres. A prediction of nothing is put no farther than that, for beyond infinity there is no gradient that leads back."""


def aligned(model: Network, pairs: Sequence[Pair], rules: Rules, dataset: Dataset) -> OutputConfig:
    """The output with depth = 1 / (scale * prediction + shift), as DPT's own metric models have it."""
    output = model.config.output
    if output.kind != "relative inverse depth":
        raise Refusal(f"the model predicts {output.kind}; only relative inverse depth is aligned to metres before training.")
    some = pairs[:: -(-len(pairs) // PICTURES)]
    scores = Evaluation(model, aligner(output, "scale-shift"), rules, dataset).run(some, True, lambda: None)
    fitted = next(iter(scores.alignments.values()))
    if not fitted.scale > 0:
        raise Refusal(
            "over the training pictures the model predicts nothing that grows as things come nearer, so that no scale turns it into "
            "metres; look at the measurements, or train it with --loss relative first."
        )
    return replace(output, kind="metric depth", invert=True, scale=fitted.scale, shift=max(fitted.shift, 1 / FARTHEST))


def set_output(model: Network, output: OutputConfig) -> None:
    """The same weights, whose numbers mean something else from now on."""
    model.config = replace(model.config, output=output)
    model.get_submodule("head").activation = activation(output)
