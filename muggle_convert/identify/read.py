"""Opening a checkpoint, wherever it is, and finding out what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Checkpoint, Limits
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.hub.locate import locate
from muggle_convert.identify.asked import Drops
from muggle_convert.identify.bare import families_of
from muggle_convert.identify.document import KEY
from muggle_convert.identify.graphs import is_strange, refuse_graph, strange_graph
from muggle_convert.identify.halves import with_backbone
from muggle_convert.identify.match import GRAPH, Match, match
from muggle_convert.identify.prefixes import without_bulk_prefix, without_shared_prefix
from muggle_convert.identify.reading_like import described_like
from muggle_convert.identify.translation import Translation


@dataclass(frozen=True)
class ReadOptions:
    """How a checkpoint is to be read: what its tensors cannot tell, and which of its tensors are meant."""

    family: str | None = None
    overrides: Mapping[str, Any] | None = None
    state: str | None = None
    drops: tuple[str, ...] = ()
    revision: str | None = None  # of a repository on the Hub
    filename: str | None = None  # in it
    limits: Limits = Limits()
    backbone: str | Path | Checkpoint | None = None  # in a file of its own, for a head that lacks it
    like: str | Path | None = None  # a checkpoint of the same model, for what says nothing of itself; family and settings are said of that


def open_anywhere(source: str | Path | Checkpoint, options: ReadOptions = ReadOptions()) -> Checkpoint:
    """Open a checkpoint, unless it is open already, which may also be on the Hub or in the zoo, and join it with its backbone where that is apart."""
    drops = Drops(options.drops)
    opened = _opened(source, options, drops)
    if options.backbone is None:
        return opened
    refuse_graph(opened)
    return with_backbone(opened, _opened(options.backbone, ReadOptions(limits=options.limits), drops))


def _opened(source: str | Path | Checkpoint, options: ReadOptions, drops: Drops) -> Checkpoint:
    if isinstance(source, Checkpoint):
        opened = source
    else:
        located = locate(source, options.revision, options.filename)
        opened = replace(open_checkpoint(located.path, options.state, options.limits, drops.reason), known_as=located.known_as)
    if KEY in opened.metadata or opened.graph is not None:
        return opened
    for shorten in (without_shared_prefix, without_bulk_prefix):
        opened = shorten(drops.leave_out(opened))
    return opened


def read(source: str | Path | Checkpoint, options: ReadOptions = ReadOptions()) -> Match:
    """Open a checkpoint and find out what it is."""
    opened = open_anywhere(source, options)
    if options.like is None or not (is_strange(opened) or families_of(opened)):
        return _matched(opened, options)
    other = _matched(open_anywhere(options.like, ReadOptions(drops=options.drops)), options)
    if opened.graph is None:
        return match(described_like(opened, other))
    return replace(
        other,
        checkpoint=opened,
        layout=GRAPH,
        translation=Translation({}, {}),
        document=None,
        left_out={},
        graph=strange_graph(opened),
    )


def _matched(opened: Checkpoint, options: ReadOptions) -> Match:
    if options.drops:
        refuse_graph(opened)
    drops = Drops(options.drops)
    wanted = drops.leave_out(opened)
    drops.refuse_idle(wanted)
    return match(wanted, options.family, options.overrides)
