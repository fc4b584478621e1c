"""Looking at a checkpoint without converting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Limits
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.inspection import Inspection
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
    limits: Limits = Limits(),
) -> Inspection:
    """Describe a checkpoint without reading a tensor or writing anything.

        inspect("dpt_hybrid-midas-501f0c75.pt").to_dict()["config"]["encoder"]["width"]

    The keywords are those of `convert`.
    """
    options = ReadOptions(family, overrides, state, tuple(drops), revision, filename, limits, backbone)
    return Inspection(plan(read(source, options)))
