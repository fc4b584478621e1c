"""Which names of a checkpoint are known here, before it is known what it is."""

from __future__ import annotations

from collections.abc import Iterable

from muggle_convert.families import FAMILIES


def known_names(names: Iterable[str]) -> list[str]:
    """Those that the layout which knows the most of them does."""
    layouts = [rules for family in FAMILIES for rules in family.every_layout.values()]
    return max(([name for name in names if rules.of_original(name) is not None] for rules in layouts), key=len)
