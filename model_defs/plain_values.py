"""A configuration as plain values that JSON can hold, and back; what does not fit its definition is refused by name."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union

from model_defs.config import DPTConfig, OfSeveralKinds


class ConfigError(ValueError):
    """A configuration that does not fit its definition."""


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values that JSON can hold."""
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def from_dict(data: Mapping[str, Any]) -> DPTConfig:
    """The way back. A field with a default may be absent; nothing else may be missing, and nothing unknown is overlooked."""
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
    if isinstance(kind, type) and issubclass(kind, OfSeveralKinds):
        return _decode_dataclass(_kind_named(kind, value, path), value, path)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} is {value!r}; expected one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (Union, types.UnionType):  # of something and None
        return None if value is None else _decode(next(one for one in arguments if one is not type(None)), value, path)
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


def _kind_named(base: type[OfSeveralKinds], value: Any, path: str) -> type[Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} is {value!r}; expected a table of values")
    name = value.get("kind")
    if not isinstance(name, str) or name not in base.kinds:
        raise ConfigError(f"{path}.kind is {name!r}; expected one of {', '.join(map(repr, base.kinds))}")
    return base.kinds[name]


def _decode_dataclass(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} is {value!r}; expected a table of values")
    known, hints = {field.name: field for field in fields(kind)}, typing.get_type_hints(kind)
    if unknown := sorted(set(value) - set(known)):
        raise ConfigError(f"{path} has {unknown[0]!r}, which this version does not know; expected {', '.join(known)}")
    if missing := [name for name, field in known.items() if name not in value and field.default is MISSING]:
        raise ConfigError(f"{path} lacks {missing[0]!r}, which has no default")
    return kind(**{name: _decode(hints[name], value[name], f"{path}.{name}") for name in known if name in value})
