"""Convert depth checkpoints from anywhere to safe files with readable names, and load either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.errors import Refusal
from muggle_convert.version import VERSION as __version__

if TYPE_CHECKING:
    from muggle_convert.checkpoints import Limits
    from muggle_convert.converting import convert
    from muggle_convert.exporting import Exported, export
    from muggle_convert.inspecting import Inspection, inspect
    from muggle_convert.loading import load_any_dpt
    from muggle_convert.predict.pairs import PairPredictor
    from muggle_convert.predict.predictor import Predictor
    from muggle_convert.pushing.push import Pushed, push
    from muggle_convert.verifying import Verification, verify
    from muggle_convert.writing.converted_file import Report

__all__ = [
    "Exported",
    "Inspection",
    "Limits",
    "PairPredictor",
    "Predictor",
    "Pushed",
    "Refusal",
    "Report",
    "Verification",
    "__version__",
    "convert",
    "export",
    "inspect",
    "load_any_dpt",
    "push",
    "verify",
]

_HOMES = {  # torch is imported only by those who load
    "Exported": "exporting",
    "Inspection": "inspecting",
    "Limits": "checkpoints",
    "PairPredictor": "predict.pairs",
    "Predictor": "predict.predictor",
    "Pushed": "pushing.push",
    "Report": "writing.converted_file",
    "Verification": "verifying",
    "convert": "converting",
    "export": "exporting",
    "inspect": "inspecting",
    "load_any_dpt": "loading",
    "push": "pushing.push",
    "verify": "verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
