"""Holding a converted file against its original: its tensors, everything that it says of itself, and its predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from muggle_convert.checkpoints import Checkpoint, printable, shown
from muggle_convert.errors import Refusal
from muggle_convert.identify.asked import asked_before
from muggle_convert.identify.document import KEY
from muggle_convert.identify.match import Match, match
from muggle_convert.identify.read import ReadOptions, open_anywhere, read
from muggle_convert.identify.reading_like import read_like
from muggle_convert.identify.retelling import Remark, Retold, retell
from muggle_convert.onnx.description import MOST_ERROR
from muggle_convert.verifying.tensors import Comparison
from muggle_convert.verifying.verdicts import Verification
from muggle_convert.verifying.weights import GraphComparison


def verify(
    original: str | Path, converted: str | Path, *, backbone: str | Path | None = None, state: str | None = None, predict: bool = False
) -> Verification:
    """Map the converted file back to the names of the original, and compare every tensor; and read the original by itself, and compare
    everything else that the converted file says of it.

        assert verify("dpt_hybrid-midas-501f0c75.pt", "hybrid.safetensors").holds

    With `predict`, also compare what the two networks predict. An ONNX graph is always run, at the sizes that it was tried with when it was made.
    """
    theirs = read(converted, ReadOptions(like=original))
    first = open_anywhere(original, ReadOptions(state=state, backbone=backbone, drops=asked_before(theirs.document)))
    if theirs.graph is not None:
        return _verify_graph(first, theirs)
    if theirs.document is None:
        raise Refusal(
            f"{printable(theirs.checkpoint.name)} is not a file that muggle-convert wrote (it is in the {theirs.layout} layout); "
            "give the original first and the converted file second."
        )
    if KEY in first.metadata:
        raise Refusal(
            f"{printable(first.name)} was also written by muggle-convert; give the original that {printable(theirs.checkpoint.name)} "
            f"was made from, {printable(theirs.document.source['file'])}."
        )
    ours = read_like(theirs, first)
    comparison = Comparison(ours, theirs)
    verdicts = tuple(comparison.verdicts())
    retold = retell(first, theirs)
    predictions = None
    if predict:
        from muggle_convert.building import load
        from muggle_convert.predict.differences import largest_differences

        predictions = largest_differences(load(retold.original or ours), load(theirs))
    return Verification(ours, theirs, verdicts, comparison.largest_rounding, retold.different, retold.only_told, predictions)


def _verify_graph(first: Checkpoint, theirs: Match) -> Verification:
    """A graph may be held against the converted file that it was made from, too; its weights say nothing of how they are used, so it is run."""
    from muggle_convert.building import load
    from muggle_convert.predict.differences import graph_differences

    graph = theirs.graph
    assert graph is not None
    ours = match(first) if KEY in first.metadata or theirs.document is None else read_like(theirs, first)
    retold = (
        Retold(ours, tuple(_other_source(ours, theirs)), ()) if KEY in first.metadata or theirs.document is None else retell(first, theirs)
    )
    comparison = GraphComparison(ours, theirs)
    verdicts = tuple(comparison.verdicts())
    predictions = graph_differences(load(retold.original or ours), load(theirs), graph)
    if not predictions:
        raise Refusal(
            f"{printable(theirs.checkpoint.name)} was tried at no size that its network takes, so that nothing can be compared; export it again."
        )
    bound = MOST_ERROR[graph.precision]
    return Verification(ours, theirs, verdicts, comparison.largest_rounding, retold.different, retold.only_told, predictions, bound)


def _other_source(ours: Match, theirs: Match) -> Iterator[Remark]:
    """What two descriptions say of where their weights are from, and of what they are."""
    if ours.document is None or theirs.document is None:
        return
    for what in ("fingerprint", "trained_from"):
        one, other = (document.source.get(what, "") for document in (ours.document, theirs.document))
        if one != other:
            yield Remark(f"the {what} of the source", shown(other), f"the converted file has {shown(one)}")
    if ours.config != theirs.config:
        yield Remark("the configuration", theirs.config.family, "the converted file has another one")
