"""A small configuration of every family, as the files in tests/families/variants give them: quick to build, to run, and to write."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.families import variants
from tests.families.small import Small, Variant

_MODULES = [import_module(f"{variants.__name__}.{module.name}") for module in iter_modules(variants.__path__)]

SMALL: dict[str, Small] = {name: small for module in _MODULES for name, small in getattr(module, "SMALL", {}).items()}
ROWS: dict[str, Variant] = {name: row for module in _MODULES for name, row in getattr(module, "ROWS", {}).items()}
