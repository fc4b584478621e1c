"""Looking at a checkpoint without converting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Limits
from muggle_convert.identify.graphs import is_strange
from muggle_convert.identify.read import ReadOptions, open_anywhere, read
from muggle_convert.inspection import GraphInspection, Inspection
from muggle_convert.plan import plan


def inspect(
    source: str | Path,
    *,
    backbone: str | Path | None = None,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    state: str | None = None,
    drops: Sequence[str] = (),
    revision: str | None = None,
    filename: str | None = None,
    like: str | Path | None = None,
    limits: Limits = Limits(),
) -> Inspection | GraphInspection:
    """Describe a checkpoint without reading a tensor or writing anything.

        inspect("dpt_hybrid-midas-501f0c75.pt").to_dict()["config"]["encoder"]["width"]

    The keywords are those of `convert`. An ONNX graph that does not say what it is has an inspection of its own, unless `like` names a checkpoint
    of the same model.
    """
    options = ReadOptions(family, overrides, state, tuple(drops), revision, filename, limits, backbone, like)
    if like is None and is_strange(opened := open_anywhere(source, options)):
        return GraphInspection(opened)
    return Inspection(plan(read(source, options)))
