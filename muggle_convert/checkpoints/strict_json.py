"""JSON from a stranger: one object, no name twice, no surprises."""

from __future__ import annotations

import json
import math
from typing import Any

from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.errors import Refusal

DEEPEST = 30
MOST_DIGITS = 20


def parse_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object_without_repetition, parse_int=_short, parse_float=_finite, parse_constant=_finite
        )
    except (ValueError, RecursionError) as problem:
        reason = "nested too deeply" if isinstance(problem, RecursionError) else printable(problem)
        raise Refusal(f"its JSON is broken: {reason}") from None
    if not isinstance(value, dict):
        raise Refusal("its JSON is not an object")
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        parts = [part for container in level for part in (container.values() if isinstance(container, dict) else container)]
        level = [part for part in parts if isinstance(part, (dict, list))]
        if not level:
            return value
    raise Refusal(f"its JSON is broken: nested deeper than {DEEPEST} levels")


def _short(text: str) -> int:
    """No size, offset or setting has more digits than 64 bits do."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"the number {text[:20]} has {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    """JSON has neither infinity nor NaN, but Python's parser accepts both, and makes infinity of a number that is too large."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is not finite")
    return value


def _object_without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise Refusal(f"its JSON has two entries named {printable(name)}")
        result[name] = value
    return result
