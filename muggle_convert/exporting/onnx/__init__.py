"""From a checkpoint, converted or not, to a graph for ONNX Runtime, which is run and compared before it gets its name."""

from __future__ import annotations

from muggle_convert.exporting.onnx.export import GraphOptions, WrittenGraph, export_onnx
from muggle_convert.exporting.onnx.transformers_js import export_for_transformers_js

__all__ = ["GraphOptions", "WrittenGraph", "export_for_transformers_js", "export_onnx"]
