"""Convert depth checkpoints from anywhere to safe files with readable names, and load either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muggle_convert.errors import Refusal
from muggle_convert.version import VERSION as __version__

if TYPE_CHECKING:
    from model_defs.network import Network
    from muggle_convert.checkpoints import Limits
    from muggle_convert.converting import convert
    from muggle_convert.exporting import Exported, export
    from muggle_convert.inspecting import inspect
    from muggle_convert.inspection import GraphInspection, Inspection
    from muggle_convert.loading import load_any_dpt
    from muggle_convert.many.batches import BatchPredictor, Predicted
    from muggle_convert.predict.predictor import Predictor
    from muggle_convert.predict.scene import DescribedView, Scene, SceneView, View
    from muggle_convert.pushing.push import Pushed, push
    from muggle_convert.verifying import Verification, verify
    from muggle_convert.writing.converted_file import Report

__all__ = [
    "BatchPredictor",
    "DescribedView",
    "Exported",
    "GraphInspection",
    "Inspection",
    "Limits",
    "Network",
    "Predicted",
    "Predictor",
    "Pushed",
    "Refusal",
    "Report",
    "Scene",
    "SceneView",
    "Verification",
    "View",
    "__version__",
    "convert",
    "export",
    "inspect",
    "load_any_dpt",
    "push",
    "verify",
]

_HOMES = {  # torch is imported only by those who load
    "Network": "model_defs.network",
    "DescribedView": "muggle_convert.predict.scene",
    "BatchPredictor": "muggle_convert.many.batches",
    "Exported": "muggle_convert.exporting",
    "GraphInspection": "muggle_convert.inspection",
    "Inspection": "muggle_convert.inspection",
    "Limits": "muggle_convert.checkpoints",
    "Predicted": "muggle_convert.many.batches",
    "Predictor": "muggle_convert.predict.predictor",
    "Pushed": "muggle_convert.pushing.push",
    "Report": "muggle_convert.writing.converted_file",
    "Scene": "muggle_convert.predict.scene",
    "SceneView": "muggle_convert.predict.scene",
    "Verification": "muggle_convert.verifying",
    "View": "muggle_convert.predict.scene",
    "convert": "muggle_convert.converting",
    "export": "muggle_convert.exporting",
    "inspect": "muggle_convert.inspecting",
    "load_any_dpt": "muggle_convert.loading",
    "push": "muggle_convert.pushing.push",
    "verify": "muggle_convert.verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
