"""Convert depth checkpoints from anywhere to safe files with readable names, and load either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.errors import Refusal
from muggle_convert.version import VERSION as __version__

if TYPE_CHECKING:
    from muggle_convert.conversion import convert
    from muggle_convert.exporting import export
    from muggle_convert.inspection import inspect
    from muggle_convert.loading import load_any_dpt
    from muggle_convert.publishing.pushing import push
    from muggle_convert.verification import verify

__all__ = ["Refusal", "__version__", "convert", "export", "inspect", "load_any_dpt", "push", "verify"]

_HOMES = {  # torch is imported only by those who load
    "convert": "conversion",
    "export": "exporting",
    "inspect": "inspection",
    "load_any_dpt": "loading",
    "push": "publishing.pushing",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
