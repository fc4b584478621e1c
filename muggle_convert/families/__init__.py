"""The families this version knows: every one that a file beside this one defines."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from muggle_convert.families.shared.family import Family


def _defined() -> Iterator[Family[Any]]:
    for module in iter_modules(__path__):
        if not module.ispkg:
            yield from (found for found in vars(import_module(f"{__name__}.{module.name}")).values() if isinstance(found, Family))


FAMILIES: tuple[Family[Any], ...] = tuple(_defined())
BY_NAME = {family.name: family for family in FAMILIES}
