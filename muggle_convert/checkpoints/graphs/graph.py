"""What an ONNX file says of its graph, beside the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muggle_convert.checkpoints.checkpoint import FileStamp

OWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")  # ONNX's operators, and those that come with ONNX Runtime
REPEATING = ("Loop", "Scan", "SequenceMap")  # operators that repeat a part of the graph as often as the graph says
LEADING_OUTSIDE = "EPContext"  # an operator of those that runs a compiled program out of another file


@dataclass(frozen=True)
class GraphValue:
    """An input or an output."""

    name: str
    type: str  # such as float32, or what else it is
    shape: tuple[int | str, ...] | None  # a number, or the name of what may change, which is empty where it has none


@dataclass(frozen=True)
class Constant:
    """A tensor of a graph, wherever its numbers are."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """The graph, without its edges."""

    path: Path  # of the file, where a folder was named
    stamp: FileStamp
    producer: str
    opsets: Mapping[str, int]  # by domain
    inputs: tuple[GraphValue, ...]
    outputs: tuple[GraphValue, ...]
    operators: Mapping[tuple[str, str], int]  # how often each is used, by domain and name
    constants: tuple[Constant, ...]
    functions: tuple[str, ...] = ()  # that it brings along

    @property
    def repeating(self) -> list[str]:
        """Operators that need not come to an end."""
        return sorted(name for _, name in self.operators if name in REPEATING)

    @property
    def foreign(self) -> list[str]:
        """Operators that only some program knows, or the file itself; what they do, nobody else can tell."""
        return sorted(
            f"{domain}:{name}" for domain, name in self.operators if domain not in OWN_DOMAINS or name == LEADING_OUTSIDE
        ) + sorted(self.functions)
