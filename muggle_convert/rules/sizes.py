"""The sizes of tensors, in the words of a configuration.

    3    "width"    "3*width"    "stage_widths[s]//4"    "width << s"    "fusion.widths[max(n-1, 0)]"

A bare name is a value of the encoder's configuration, a dotted one of another part's; a single letter is a field of the tensor's
name. Where no expression reaches, a function of the encoder's configuration and the fields gives the size, and `Through` names a
function of one value that can be undone, such as a square.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Union

PARTS = ("encoder", "reassemble", "fusion", "head", "image", "output", "metric")  # of a configuration; any other name is of its encoder

Fields = Mapping[str, int]


@dataclass(frozen=True)
class Through:
    """A size that follows from one value, and tells it where there is a value that has this size."""

    value: str
    size: Callable[[Any], int]
    undo: Callable[[int], Any | None]
    expected: str  # what the size of such a tensor is, for the sentence about one that is not


@dataclass(frozen=True)
class OfPart:
    """A size by a function, of a network whose configuration is a part of another's."""

    part: str
    size: Callable[[Any, Fields], int]


Size = Union[int, str, Callable[[Any, Fields], int], Through, OfPart]
Sizes = tuple[Size, ...]


class SizeError(ValueError):
    """A size that is written wrongly; a mistake in a table."""


@dataclass(frozen=True)
class Known:
    """A value of the configuration that a size tells: its path, its place where it is one of a list, and what it is."""

    path: str
    index: int | None
    value: Any


def size_of(size: Size, config: Any, fields: Fields) -> int:
    """The number that a configuration gives for a tensor with these fields in its name."""
    if isinstance(size, int):
        return size
    if isinstance(size, Through):
        return size.size(_evaluate(_parse(size.value), config, fields))
    if isinstance(size, str):
        return int(_evaluate(_parse(size), config, fields))
    if isinstance(size, OfPart):
        return size.size(encoder_of(config, size.part), fields)
    return size(config.encoder, fields)


def encoder_of(config: Any, part: str) -> Any:
    """That of a configuration, or of one that is a part of it."""
    return (getattr(config, part) if part else config).encoder


def value_at(config: Any, path: str) -> Any:
    for name in full_path(path).split("."):
        config = getattr(config, name)
    return config


def full_path(path: str) -> str:
    """From the top of a configuration: width is encoder.width."""
    return path if path.partition(".")[0] in PARTS else f"encoder.{path}"


def of_part(size: Size, part: str) -> Size:
    """The same size of a network whose configuration is a part of another's."""
    if isinstance(size, Through):
        return replace(size, value=_of_part(size.value, part))
    if isinstance(size, str):
        return _of_part(size, part)
    return OfPart(part, size) if callable(size) else size


def _of_part(text: str, part: str) -> str:
    return ast.unparse(_OfPart(part).visit(ast.parse(text, mode="eval")))


class _OfPart(ast.NodeTransformer):
    """Every path of an expression, from the top of the whole."""

    def __init__(self, part: str) -> None:
        self.part = part

    def visit(self, node: ast.AST) -> Any:
        if path := _path(node):
            return ast.parse(f"{self.part}.{full_path(path)}", mode="eval").body
        return self.generic_visit(node)


def told_by(size: Size, number: int, fields: Fields) -> Known | None:
    """What a measured number tells: of a value alone or a multiple of one, that value; else nothing. ValueError where none has this size."""
    if isinstance(size, Through):
        value = size.undo(number)
        if value is None:
            raise ValueError(f"{size.expected} was expected")
        reference = _multiple(_parse(size.value), fields)
        return None if reference is None else Known(reference.path, reference.index, value)
    if not isinstance(size, str) or (reference := _multiple(_parse(size), fields)) is None:
        return None
    value, left_over = divmod(number, reference.factor)
    if left_over:
        raise ValueError(f"a multiple of {reference.factor} was expected")
    return Known(reference.path, reference.index, value)


def names_in(size: Size) -> list[str]:
    """The paths of the values that an expression is made of."""
    if isinstance(size, Through):
        return names_in(size.value)
    return [full_path(path) for path in _paths(_parse(size))] if isinstance(size, str) else []


@dataclass(frozen=True)
class _Multiple:
    path: str
    index: int | None
    factor: int


_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
}
_FUNCTIONS: Mapping[str, Callable[..., int]] = {"max": max, "min": min, "sum": sum, "len": len}


@cache
def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise SizeError(f"{text!r} is not a size; write one such as 3*width") from None


def _evaluate(node: ast.expr, config: Any, fields: Fields) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name) and len(node.id) == 1:
        return fields[node.id]
    if path := _path(node):
        return value_at(config, path)
    if isinstance(node, ast.Subscript):
        return _evaluate(node.value, config, fields)[_evaluate(node.slice, config, fields)]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_evaluate(node.left, config, fields), _evaluate(node.right, config, fields))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*(_evaluate(argument, config, fields) for argument in node.args))
    raise SizeError(f"{ast.unparse(node)!r} is not a size; write one such as 3*width")


def _multiple(node: ast.expr, fields: Fields) -> _Multiple | None:
    """The value that an expression is a known multiple of."""
    if path := _path(node):
        return _Multiple(full_path(path), None, 1)
    if isinstance(node, ast.Subscript) and (path := _path(node.value)):
        return _Multiple(full_path(path), _evaluate(node.slice, None, fields), 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.LShift)):
        sides = (node.left, node.right) if isinstance(node.op, ast.LShift) or not _is_number(node.left) else (node.right, node.left)
        inside = _multiple(sides[0], fields)
        if inside is not None and _is_number(sides[1]):
            factor = _OPERATIONS[type(node.op)](inside.factor, _evaluate(sides[1], None, fields))
            return _Multiple(inside.path, inside.index, factor)
    return None


def _is_number(node: ast.expr) -> bool:
    """Whether the fields of a name are enough to know it."""
    return not any(_paths(node))


def _paths(node: ast.AST) -> Iterator[str]:
    if path := _path(node):
        yield path
    else:
        for inside in ast.iter_child_nodes(node):
            yield from _paths(inside)


def _path(node: ast.AST) -> str:
    """The dotted name that a node is, where it is one of a value."""
    if isinstance(node, ast.Attribute):
        inside = _path(node.value)
        return f"{inside}.{node.attr}" if inside else ""
    return node.id if isinstance(node, ast.Name) and len(node.id) > 1 and node.id not in _FUNCTIONS else ""
