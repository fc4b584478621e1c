from __future__ import annotations

from tests.predict.conftest import checkpoint, model

__all__ = ["checkpoint", "model"]
