"""What a flag may say that no tensor can, and the settings that several families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from model_defs.config import BEiTConfig, DINOv2Config, DPTConfig, EncoderConfig, HybridConfig, OutputConfig, ViTConfig
from muggle_convert.checkpoints import shown
from muggle_convert.errors import Refusal

Blocks = ViTConfig | BEiTConfig | HybridConfig | DINOv2Config  # one stack of them


@dataclass(frozen=True)
class Setting:
    """How the text of a flag is read, and what it changes in a configuration."""

    meaning: str
    parse: Callable[[Any], Any]
    apply: Callable[[DPTConfig, Any], DPTConfig]


def positive_number(text: Any) -> float:
    value = number(text)
    if value <= 0:
        raise Refusal(f"{shown(text)!r} is not a number above zero.")
    return value


def number(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise Refusal(f"{shown(text)!r} is not a number.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise Refusal(f"{shown(text)!r} is not a finite number.")
    return value


def yes_or_no(text: Any) -> bool:
    spellings = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(text).lower() not in spellings:
        raise Refusal(f"{shown(text)!r} is neither true nor false.")
    return spellings[str(text).lower()]


def whole_numbers(text: Any) -> tuple[int, ...]:
    try:
        return tuple(map(_integer, text.split(",") if isinstance(text, str) else text))
    except (TypeError, ValueError):
        raise Refusal(f"{shown(text)!r} is not a list of whole numbers such as 2,5,8,11.") from None


def _integer(part: Any) -> int:
    if type(part) not in (int, str):
        raise TypeError
    return int(part)


def whole_number(text: Any) -> int:
    (value, *more) = whole_numbers(text) if isinstance(text, str) else whole_numbers([text])
    if more or value < 1:
        raise Refusal(f"{shown(text)!r} is not a whole number above zero.")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    def parse(text: Any) -> str:
        if text not in words:
            raise Refusal(f"{shown(text)!r} is none of {', '.join(words)}.")
        return str(text)

    return parse


def check_taps(taps: tuple[int, ...], count: int, depth: int) -> None:
    """Refuse blocks that are not there, whoever named them."""
    if len(taps) != count or list(taps) != sorted(set(taps)) or taps[0] < 0 or taps[-1] >= depth:
        raise Refusal(f"taps {shown(taps)} do not fit: {count} rising block numbers from 0 to {depth - 1} are needed.")


def on_encoder(apply: Callable[[Any, Any], EncoderConfig]) -> Callable[[DPTConfig, Any], DPTConfig]:
    """What a setting changes where all that it changes is the encoder."""
    return lambda config, value: replace(config, encoder=apply(config.encoder, value))


def _apply_taps(count: int, encoder: Blocks, taps: tuple[int, ...]) -> Blocks:
    check_taps(taps, count, encoder.depth)
    return replace(encoder, taps=taps)


def _apply_heads(encoder: Blocks, heads: int) -> Blocks:
    if encoder.width % heads:
        raise Refusal(f"{heads} attention heads do not fit: {encoder.width} features cannot be shared out evenly among them.")
    return replace(encoder, heads=heads)


def _apply_readout(config: DPTConfig, readout: Any) -> DPTConfig:
    before = config.reassemble.readout
    if readout != before and "project" in (readout, before):
        raise Refusal(f"readout {readout} does not fit: the checkpoint has {'a' if before == 'project' else 'no'} readout projection.")
    return replace(config, reassemble=replace(config.reassemble, readout=readout))


def metric(output: OutputConfig, max_depth: float) -> OutputConfig:
    """The same output in metres: a sigmoid, times the largest depth."""
    return replace(output, kind="metric depth", activation="sigmoid", max_depth=max_depth)


def _metres_or_none(text: Any) -> float | None:
    return None if text is None or str(text).lower() == "none" else positive_number(text)


def _apply_max_depth(config: DPTConfig, max_depth: float | None) -> DPTConfig:
    return config if max_depth is None else replace(config, output=metric(config.output, max_depth))


def _apply_scale(config: DPTConfig, scale: float) -> DPTConfig:
    return replace(config, output=replace(config.output, scale=scale))


def _apply_shift(config: DPTConfig, shift: float) -> DPTConfig:
    return replace(config, output=replace(config.output, shift=shift))


def _apply_invert(config: DPTConfig, invert: bool) -> DPTConfig:
    if not invert:
        kind: Any = "relative inverse depth" if config.output.invert else config.output.kind
        return replace(config, output=replace(config.output, kind=kind, invert=False, scale=None, shift=None))
    if config.output.kind in ("classes", "channels"):
        raise Refusal(f"invert=true does not fit: the model predicts {config.output.kind}, not one inverse depth for each pixel.")
    return replace(config, output=replace(config.output, kind="metric depth", invert=True))


def _apply_non_negative(config: DPTConfig, non_negative: bool) -> DPTConfig:
    if config.output.kind == "classes":
        raise Refusal("non_negative does not fit: the model predicts scores of classes, which are left as they are.")
    return replace(config, output=replace(config.output, activation="relu" if non_negative else "none"))


def check_output(output: OutputConfig) -> None:
    """A sigmoid needs to know the largest depth; scale, shift and inversion only mean something together."""
    if output.activation == "sigmoid" and output.max_depth is None:
        raise Refusal("the prediction ends in a sigmoid, and nothing says of what depth it is a share: pass --set max_depth=NUMBER.")
    given = {"scale": output.scale, "shift": output.shift}
    if output.invert and (missing := [name for name, value in given.items() if value is None]):
        raise Refusal(f"invert=true needs to know the {' and the '.join(missing)} too: pass --set {missing[0]}=NUMBER as well.")
    if not output.invert and (idle := [name for name, value in given.items() if value is not None]):
        raise Refusal(f"{idle[0]} changes nothing where the prediction is not inverted: pass --set invert=true as well, or leave it out.")


TAPS = Setting("the four blocks whose outputs are used, such as 2,5,8,11", whole_numbers, on_encoder(partial(_apply_taps, 4)))
LAST_TAPS = Setting("the two blocks whose outputs are used, such as 8,11", whole_numbers, on_encoder(partial(_apply_taps, 2)))
HEADS = Setting("how many attention heads each block has", whole_number, on_encoder(_apply_heads))
READOUT = Setting("what becomes of the class token: ignore, add or project", one_of("ignore", "add", "project"), _apply_readout)
MAX_DEPTH = Setting(
    "the largest depth of a metric model in metres, such as 20 or 80; none for a relative one", _metres_or_none, _apply_max_depth
)
SCALE = Setting("the scale from prediction to inverse depth, such as 0.00006016", number, _apply_scale)
SHIFT = Setting("the shift from prediction to inverse depth, such as 0.00579", number, _apply_shift)
INVERT = Setting("whether the model gives depth as 1 / (scale * prediction + shift)", yes_or_no, _apply_invert)
NON_NEGATIVE = Setting("whether predictions below zero become zero", yes_or_no, _apply_non_negative)
