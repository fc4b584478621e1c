"""What a network was made with, where a training run kept the call as text: `Network(width=768, mode=('exp', -inf, inf))`."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from muggle_convert.checkpoints import printable
from muggle_convert.families.shared.evidence import Evidence, Source, Told
from muggle_convert.families.shared.reading import Reading


def told_by_training(reading: Reading) -> Mapping[str, Told[Any]]:
    """The keywords of the call under `model` in the training arguments, or the entries of a config.json, which are trusted more."""
    told = {}
    text = reading.checkpoint.arguments.get("model")
    for key, value in (keywords(text) if isinstance(text, str) else {}).items():
        told[key] = Told(value, Evidence(Source.ARGUMENTS, printable(f"{key}={value!r} in the arguments' model")))
    for key, value in reading.checkpoint.sidecar.items():
        told[key] = Told(value, Evidence(Source.METADATA, printable(f"{key} in config.json")))
    return told


def keywords(text: str) -> dict[str, Any]:
    """The keywords of a call whose values are plain, without calling anything; none where the text is not a call."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    if not isinstance(call, ast.Call):
        return {}
    found = {word.arg: _plain(word.value) for word in call.keywords if word.arg is not None}
    return {key: value for key, value in found.items() if value is not None}


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id == "inf":
        return math.inf
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _plain(node.operand)
        return -number if isinstance(number, (int, float)) else None
    if isinstance(node, (ast.Tuple, ast.List)):
        parts = tuple(map(_plain, node.elts))
        return None if None in parts else parts
    return None
