"""Writing ONNX files by hand, without the package of that name, so that any part of them can be a lie.

Numbers of fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7, "float16": 10, "float64": 11}
FLOAT = 1


def count(value: int) -> bytes:
    """Seven bits in each byte, the lowest first."""
    raw = bytearray()
    while value > 0x7F:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)
    return bytes(raw)


def number(field: int, value: int) -> bytes:
    return count(field << 3) + count(value)


def stretch(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return count(field << 3 | 2) + count(len(raw)) + raw


def entry(key: str, value: str) -> bytes:
    """Of a map from texts to texts."""
    return stretch(1, key) + stretch(2, value)


def tensor(name: str, array: np.ndarray, *more: bytes) -> bytes:
    dimensions = b"".join(number(1, side) for side in array.shape)
    return dimensions + number(2, TYPES[str(array.dtype)]) + stretch(8, name) + stretch(9, array.tobytes()) + b"".join(more)


def outside(name: str, shape: Sequence[int], **place: str) -> bytes:
    """A tensor of float32 that lies in another file."""
    dimensions = b"".join(number(1, side) for side in shape)
    where = b"".join(stretch(13, entry(key, value)) for key, value in place.items())
    return dimensions + number(2, FLOAT) + stretch(8, name) + where + number(14, 1)


def value(name: str, shape: Sequence[int | str], kind: int = FLOAT) -> bytes:
    """An input or an output."""
    sides = b"".join(stretch(1, number(1, side) if isinstance(side, int) else stretch(2, side)) for side in shape)
    return stretch(1, name) + stretch(2, stretch(1, number(1, kind) + stretch(2, sides)))


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], *attributes: bytes, domain: str = "") -> bytes:
    ends = b"".join(stretch(1, name) for name in inputs) + b"".join(stretch(2, name) for name in outputs)
    return ends + stretch(4, operator) + b"".join(stretch(5, one) for one in attributes) + (stretch(7, domain) if domain else b"")


def integer(name: str, given: int) -> bytes:
    """An attribute."""
    return stretch(1, name) + number(3, given) + number(20, 2)


def graph(*parts: bytes) -> bytes:
    return b"".join(parts) + stretch(2, "graph")


def nodes(*each: bytes) -> bytes:
    return b"".join(stretch(1, one) for one in each)


def initializers(*each: bytes) -> bytes:
    return b"".join(stretch(5, one) for one in each)


def inputs(*each: bytes) -> bytes:
    return b"".join(stretch(11, one) for one in each)


def outputs(*each: bytes) -> bytes:
    return b"".join(stretch(12, one) for one in each)


def model(whole: bytes, metadata: Mapping[str, str] | None = None, *more: bytes, opset: int = 18) -> bytes:
    """A file around a graph."""
    said = b"".join(stretch(14, entry(key, text)) for key, text in (metadata or {}).items())
    return number(1, 8) + stretch(2, "forge") + stretch(7, whole) + stretch(8, stretch(1, "") + number(2, opset)) + said + b"".join(more)


IMAGE, DEPTH = ("batch", 3, "height", "width"), ("batch", "height", "width")


WEIGHTS = [tensor(f"weight{one}", np.zeros(1, np.float32)) for one in range(12)]


def mean_graph(image: Sequence[int | str] = IMAGE, depth: Sequence[int | str] = DEPTH, *more: bytes) -> bytes:
    """The mean of the channels, times a tensor: what is predicted can be told in advance. It has as many tensors as a network of twelve blocks might."""
    axes, gain = tensor("axes", np.array([1])), tensor("head.gain", np.array([2], np.float32))
    mean = node("ReduceMean", ["pixel_values", "axes"], ["mean"], integer("keepdims", 0))
    return graph(
        nodes(mean, node("Mul", ["mean", "head.gain"], ["predicted_depth"])),
        initializers(axes, gain, *WEIGHTS),
        inputs(value("pixel_values", image)),
        outputs(value("predicted_depth", depth)),
        *more,
    )
