"""Convert depth checkpoints from anywhere to safe files with readable names, and load either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.errors import Refusal
from muggle_convert.version import VERSION as __version__

if TYPE_CHECKING:
    from muggle_convert.conversion import convert
    from muggle_convert.inspection import inspect
    from muggle_convert.loading import load_any_dpt

__all__ = ["Refusal", "__version__", "convert", "inspect", "load_any_dpt"]

_HOMES = {"convert": "conversion", "inspect": "inspection", "load_any_dpt": "loading"}  # torch is imported only by those who load


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
