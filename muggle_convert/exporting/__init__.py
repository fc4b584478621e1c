"""From a checkpoint, converted or not, to files in another layout."""

from __future__ import annotations

from muggle_convert.exporting.export import Exported, export

__all__ = ["Exported", "export"]
