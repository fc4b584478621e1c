"""Scenes with measurements and predictions, drawn again from their seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.goldens import uniform

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "fixtures" / "evaluation" / "cases.json").read_text())


def arrays(case: dict[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each image of a case what was measured, zero where nothing was, and what was predicted for what the network saw."""
    height, width = case["shape"]
    scale = np.float32(case["scale"])
    down, across = np.meshgrid(np.linspace(0, 1, height, dtype=np.float32), np.linspace(0, 1, width, dtype=np.float32), indexing="ij")
    for number in range(case["images"]):
        measured_at, wrong_by, missing = (uniform(f"{name}{number}", (height, width), case["seed"]) for name in ("gt", "pr", "mask"))
        depth = (12 + 60 * (1 - down) ** 2 + 6 * np.sin(6 * across + number)) * scale
        truth = (depth + 0.5 * scale * measured_at).clip(0.5 * scale, 90).astype(np.float32)
        truth[missing > -1.0] = 0
        prediction = (depth * (1.05 + 0.1 * wrong_by) + 0.3 * scale).astype(np.float32)
        if case["kb_crop"]:
            top, left = height - 352, (width - 1216) // 2
            prediction = prediction[top : top + 352, left : left + 1216]
        yield truth, prediction
