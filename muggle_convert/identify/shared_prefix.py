"""Taking off what stands before every name of a checkpoint, where no family knows the names with it, and one does without it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.families import FAMILIES


def without_shared_prefix(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint under names that more of a family's tensors have; the usual prefixes of training were taken off before."""
    prefix = os.path.commonprefix(list(checkpoint.tensors))  # noqa: RUF071  # characters, be they whole words or not
    bare = [name.removeprefix(prefix) for name in checkpoint.tensors]
    if not prefix or "" in bare or _known(bare) <= _known(checkpoint.tensors):
        return checkpoint
    tensors = {name: replace(entry, name=name) for name, entry in zip(bare, checkpoint.tensors.values(), strict=True)}
    said = f"took {printable(prefix)!r}, which no family has there, off the beginning of all {len(tensors):,} names"
    return replace(checkpoint, tensors=tensors, unwrapped=(*checkpoint.unwrapped, said))


def _known(names: Iterable[str]) -> int:
    """How many of the names the family that knows the most of them does."""
    layouts = [rules for family in FAMILIES for rules in family.every_layout.values()]
    return max(sum(rules.of_original(name) is not None for name in names) for rules in layouts)
