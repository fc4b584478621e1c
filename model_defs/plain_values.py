"""A configuration as plain values that JSON can hold, and back; what does not fit its definition is refused by name."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union

from model_defs.config import DPTConfig


class ConfigError(ValueError):
    """A configuration that does not fit its definition."""


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values that JSON can hold."""
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def from_dict(data: Mapping[str, Any]) -> DPTConfig:
    """The way back; nothing unknown is overlooked and nothing missing is made up."""
    config: DPTConfig = _decode(DPTConfig, data, "config")
    return config


def leaves(config: Any, path: str = "") -> dict[str, Any]:
    """Every value of a configuration under its dotted path, such as encoder.width."""
    found: dict[str, Any] = {}
    for field in fields(config):
        value, here = getattr(config, field.name), f"{path}.{field.name}".lstrip(".")
        found.update(leaves(value, here) if is_dataclass(value) else {here: value})
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_dict(value)
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _decode(kind: Any, value: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, path)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} is {value!r}; expected one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{path} is {value!r}; expected a list")
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            raise ConfigError(f"{path} has {len(value)} entries; expected {len(kinds)}")
        return tuple(_decode(kind, item, f"{path}[{index}]") for index, (kind, item) in enumerate(zip(kinds, value, strict=True)))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{path} is {value!r}; expected {kind.__name__}")
    return value


def _decode_union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    by_name = {kind.__dataclass_fields__["kind"].default: kind for kind in kinds if is_dataclass(kind)}
    if not by_name:
        return _decode(next(kind for kind in kinds if kind is not type(None)), value, path)
    name = value.get("kind") if isinstance(value, Mapping) else None
    if name not in by_name:
        raise ConfigError(f"{path}.kind is {name!r}; expected one of {', '.join(map(repr, by_name))}")
    return _decode(by_name[name], value, path)


def _decode_dataclass(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} is {value!r}; expected a table of values")
    kinds = typing.get_type_hints(kind)
    if unknown := sorted(set(value) - set(kinds)):
        raise ConfigError(f"{path} has {unknown[0]!r}, which this version does not know; expected {', '.join(kinds)}")
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    if missing := [name for name in needed if name not in value]:
        raise ConfigError(f"{path} lacks {missing[0]!r}")
    return kind(**{name: _decode(kinds[name], value[name], f"{path}.{name}") for name in kinds if name in value})
