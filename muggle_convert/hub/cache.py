"""Where downloads are kept."""

from __future__ import annotations

from pathlib import Path


def cache_folder() -> Path:
    """Beside the Hub's own cache, where people look for downloaded weights."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "muggle-convert"
