"""What happens to the tensors of a rule. Every operation owns its inverse, and every one only moves runs of elements.

An operation is told the shapes on one side and answers how each tensor on the other side is put together. Because the answer
is a list of runs, whoever copies can stream; and what no run carries has to be zero, or the way back would lose it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """Shapes that an operation cannot take."""


@dataclass(frozen=True)
class Run:
    """Elements in a row: of the tensor at `source` on the other side, or zeros where that is None."""

    source: int | None
    start: int
    count: int


@dataclass(frozen=True)
class Assembly:
    """One tensor as the other side makes it: its shape, and its elements in row-major order."""

    shape: Shape
    runs: tuple[Run, ...]


class Operation(Protocol):
    """Shapes in, assemblies out; once for each direction."""

    def forward(self, shapes: Sequence[Shape]) -> list[Assembly]: ...

    def backward(self, shapes: Sequence[Shape]) -> list[Assembly]: ...


@dataclass(frozen=True)
class Same:
    """The tensor as it is: a pure rename."""

    def forward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        return [_whole(0, shapes[0])]

    backward = forward


@dataclass(frozen=True)
class SplitOff:
    """One tensor becomes two along an axis: its first `first` entries, and the rest (or, with `at_end`, its last entries apart)."""

    axis: int
    first: int
    at_end: bool = False

    def forward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        (shape,) = shapes
        if len(shape) <= self.axis or math.prod(shape[: self.axis]) != 1 or shape[self.axis] <= self.first:
            raise ShapeError(f"cannot take {self.first} of axis {self.axis} apart")
        row = math.prod(shape[self.axis + 1 :])
        cut = shape[self.axis] - self.first if self.at_end else self.first
        return [
            Assembly(_with(shape, self.axis, cut), (Run(0, 0, cut * row),)),
            Assembly(_with(shape, self.axis, shape[self.axis] - cut), (Run(0, cut * row, (shape[self.axis] - cut) * row),)),
        ]

    def backward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        one, two = shapes
        if _with(one, self.axis, 0) != _with(two, self.axis, 0) or (two if self.at_end else one)[self.axis] != self.first:
            raise ShapeError(f"cannot be joined along axis {self.axis}")
        return [Assembly(_with(one, self.axis, one[self.axis] + two[self.axis]), (_all(0, one), _all(1, two)))]


@dataclass(frozen=True)
class Stack:
    """Several tensors of one shape become one, on top of each other; `parts` may name zeros: (0, None, 1) leaves a third between."""

    parts: tuple[int | None, ...]

    def forward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        if len(set(shapes)) != 1 or not shapes[0]:
            raise ShapeError("need one and the same shape to be stacked")
        shape, count = shapes[0], math.prod(shapes[0])
        return [Assembly((len(self.parts) * shape[0], *shape[1:]), tuple(Run(part, 0, count) for part in self.parts))]

    def backward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        (shape,) = shapes
        if not shape or shape[0] % len(self.parts):
            raise ShapeError(f"cannot be cut into {len(self.parts)} equal parts")
        part = (shape[0] // len(self.parts), *shape[1:])
        count = math.prod(part)
        order = [self.parts.index(source) for source in range(len(self.parts)) if source in self.parts]
        return [Assembly(part, (Run(0, position * count, count),)) for position in order]


@dataclass(frozen=True)
class Flatten:
    """A tensor loses axes of length one; the way back gives them again, as in `axes` ("n11" is (n, 1, 1))."""

    axes: str

    def forward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        (shape,) = shapes
        if len(shape) != len(self.axes) or any(length != 1 for length, axis in zip(shape, self.axes, strict=True) if axis == "1"):
            raise ShapeError(f"is not of the form ({', '.join(self.axes)})")
        kept = tuple(length for length, axis in zip(shape, self.axes, strict=True) if axis != "1")
        return [Assembly(kept, (_all(0, shape),))]

    def backward(self, shapes: Sequence[Shape]) -> list[Assembly]:
        (shape,) = shapes
        if len(shape) != len(self.axes.replace("1", "")):
            raise ShapeError(f"does not have {len(self.axes.replace('1', ''))} axes")
        lengths = iter(shape)
        return [Assembly(tuple(1 if axis == "1" else next(lengths) for axis in self.axes), (_all(0, shape),))]


def uncarried(assemblies: Sequence[Assembly], shapes: Sequence[Shape]) -> list[Run]:
    """The runs of the given tensors that no assembly takes up: they have to be zero."""
    left: list[Run] = []
    for source, shape in enumerate(shapes):
        taken = sorted((run.start, run.count) for assembly in assemblies for run in assembly.runs if run.source == source)
        end = 0
        for start, count in [*taken, (math.prod(shape), 0)]:
            if start > end:
                left.append(Run(source, end, start - end))
            end = max(end, start + count)
    return left


def _all(source: int, shape: Shape) -> Run:
    return Run(source, 0, math.prod(shape))


def _whole(source: int, shape: Shape) -> Assembly:
    return Assembly(shape, (_all(source, shape),))


def _with(shape: Shape, axis: int, length: int) -> Shape:
    return (*shape[:axis], length, *shape[axis + 1 :])
