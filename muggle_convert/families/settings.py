"""Settings that several families share: what a flag may say that no tensor can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model_defs.config import DPTConfig, OutputConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.family import Setting


def positive_number(text: Any) -> float:
    value = number(text)
    if value <= 0:
        raise Refusal(f"{text!r} is not a number above zero.")
    return value


def number(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise Refusal(f"{text!r} is not a number.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise Refusal(f"{text!r} is not a finite number.")
    return value


def yes_or_no(text: Any) -> bool:
    spellings = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(text).lower() not in spellings:
        raise Refusal(f"{text!r} is neither true nor false.")
    return spellings[str(text).lower()]


def whole_numbers(text: Any) -> tuple[int, ...]:
    parts = text.split(",") if isinstance(text, str) else list(text)
    try:
        return tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise Refusal(f"{text!r} is not a list of whole numbers such as 2,5,8,11.") from None


def _apply_taps(config: DPTConfig, taps: tuple[int, ...]) -> DPTConfig:
    encoder: Any = config.encoder  # one stack of blocks, in every family that has this setting
    if len(taps) != 4 or list(taps) != sorted(set(taps)) or taps[0] < 0 or taps[-1] >= encoder.depth:
        raise Refusal(f"taps {','.join(map(str, taps))} do not fit: four rising block numbers from 0 to {encoder.depth - 1} are needed.")
    return replace(config, encoder=replace(encoder, taps=taps))


def metric(output: OutputConfig, max_depth: float) -> OutputConfig:
    """The same output in metres: a sigmoid, times the largest depth."""
    return replace(output, kind="metric depth", activation="sigmoid", max_depth=max_depth)


def _apply_max_depth(config: DPTConfig, max_depth: float) -> DPTConfig:
    return replace(config, output=metric(config.output, max_depth))


def _apply_scale(config: DPTConfig, scale: float) -> DPTConfig:
    return replace(config, output=replace(config.output, scale=scale))


def _apply_shift(config: DPTConfig, shift: float) -> DPTConfig:
    return replace(config, output=replace(config.output, shift=shift))


def _apply_invert(config: DPTConfig, invert: bool) -> DPTConfig:
    kind: Any = "metric depth" if invert else "relative inverse depth"
    return replace(config, output=replace(config.output, kind=kind, invert=invert))


TAPS = Setting("the four blocks whose outputs are used, such as 2,5,8,11", whole_numbers, _apply_taps)
MAX_DEPTH = Setting("the largest depth of a metric model in metres, such as 20 or 80", positive_number, _apply_max_depth)
SCALE = Setting("the scale from prediction to inverse depth, such as 0.00006016", number, _apply_scale)
SHIFT = Setting("the shift from prediction to inverse depth, such as 0.00579", number, _apply_shift)
INVERT = Setting("whether the model gives depth as 1 / (scale * prediction + shift)", yes_or_no, _apply_invert)
