"""An ONNX file: one message that holds a graph, which holds nodes, and tensors or where those lie.

Numbers of fields are those of the format's own description, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from muggle_convert.checkpoints.checkpoint import TensorEntry
from muggle_convert.checkpoints.graphs.graph import Constant, GraphValue, OnnxGraph
from muggle_convert.checkpoints.graphs.onnx_tensors import TYPES, OnnxTensors, is_outside
from muggle_convert.checkpoints.graphs.protobuf import COUNT, Field, Protobuf
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_values import FileContents, Pairs
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.torch_globals import LARGEST, MOST_DIMENSIONS
from muggle_convert.errors import Refusal

LARGEST_FILE = (1 << 31) - 1  # bytes that a message can have
MOST_ENDS = 1000  # inputs, or outputs
MOST_OPERATORS = 1000  # different ones
DEEPEST = 8  # graphs within graphs, as branches and loops have them
LONGEST_NAME = 1024
IR_VERSION, PRODUCER, GRAPH, OPSET, METADATA, FUNCTION = 1, 2, 7, 8, 14, 25  # fields of the message that a file is
NODE, INITIALIZER, INPUT, OUTPUT, SPARSE = 1, 5, 11, 12, 15  # of a graph
ATTRIBUTE, OPERATOR, DOMAIN = 5, 4, 7  # of a node
TENSORS, GRAPHS, SPARSE_TENSORS = (5, 10), (6, 11), (22, 23)  # of an attribute, one or several
FUNCTION_NAME, FUNCTION_NODE, FUNCTION_DOMAIN = 1, 7, 10


def read_onnx(file: SourceFile, limits: Limits) -> FileContents:
    if file.size > LARGEST_FILE:
        raise Refusal(f"is an ONNX file of {file.size:,} bytes; there are none beyond 2 GiB, as their weights would lie beside them")
    reader = _Reader(file, limits)
    graph = reader.graph()
    return FileContents("ONNX graph", Pairs(), reader.metadata, graph=graph, entries=reader.entries)


@dataclass
class _Found:
    """What has been seen of the graph so far."""

    producer: list[str] = field(default_factory=lambda: [""])
    opsets: dict[str, int] = field(default_factory=dict)
    inputs: list[GraphValue] = field(default_factory=list)
    outputs: list[GraphValue] = field(default_factory=list)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    functions: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, file: SourceFile, limits: Limits) -> None:
        self.metadata: dict[str, str] = {}
        self.entries: dict[str, TensorEntry] = {}
        self._proto = Protobuf(file, limits.graph_fields)
        self._file = file
        self._limits = limits
        self._tensors = OnnxTensors(self._proto, file)
        self._texts = 0  # bytes of all metadata
        self._constants: dict[str, Constant] = {}
        self._found = _Found()

    def graph(self) -> OnnxGraph:
        found, graphs, versions = self._found, 0, 0
        for part in self._proto.fields(0, self._proto.size):
            if part.number == IR_VERSION and part.kind == COUNT:
                versions += 1
            elif part.number == PRODUCER:
                found.producer = [self._name(part)]
            elif part.number == GRAPH:
                graphs += 1
                if graphs > 1:
                    raise Refusal("it holds two graphs, and an ONNX file has one")
                self._outermost(part)
            elif part.number == OPSET:
                domain, version = self._opset(part)
                found.opsets[domain] = version
            elif part.number == METADATA:
                self._note(part)
            elif part.number == FUNCTION:
                self._function(part)
        if not graphs or not versions:
            raise Refusal("is cut off or damaged: it begins like an ONNX file and holds no graph")
        given = [value for value in found.inputs if value.name not in self._constants]  # old files name all constants as inputs, too
        constants = tuple(self._constants.values())
        return OnnxGraph(
            self._file.path,
            self._file.stamp,
            found.producer[0],
            found.opsets,
            tuple(given),
            tuple(found.outputs),
            found.operators,
            constants,
            tuple(found.functions),
        )

    def _outermost(self, graph: Field) -> None:
        for part in self._proto.inside(graph):
            if part.number == NODE:
                self._node(part, 0)
            elif part.number == INITIALIZER:
                self._initializer(part)
            elif part.number in (INPUT, OUTPUT):
                ends = self._found.inputs if part.number == INPUT else self._found.outputs
                ends.append(self._value(part))
                if len(ends) > MOST_ENDS + self._limits.tensors:
                    raise Refusal(f"its graph has more than {len(ends) - 1:,} inputs or outputs")
            elif part.number == SPARSE:
                self._refuse_sparse(part)

    def _initializer(self, part: Field) -> None:
        constant, entry = self._tensors.read(part)
        if constant.name in self._constants:
            raise Refusal(f"its graph has two tensors named {printable(constant.name)}")
        self._constants[constant.name] = constant
        if len(self._constants) > self._limits.records:
            raise Refusal(f"its graph has more than the {self._limits.records:,} tensors that are allowed")
        if entry is not None:
            self.entries[constant.name] = entry

    def _node(self, node: Field, depth: int) -> None:
        operator = domain = ""
        for part in self._proto.inside(node):
            if part.number == OPERATOR:
                operator = self._name(part)
            elif part.number == DOMAIN:
                domain = self._name(part)
            elif part.number == ATTRIBUTE:
                self._attribute(part, depth)
        self._found.operators[domain, operator] += 1
        if len(self._found.operators) > MOST_OPERATORS:
            raise Refusal(f"its graph uses more than {MOST_OPERATORS:,} different operators, which no network does")

    def _attribute(self, attribute: Field, depth: int) -> None:
        """The graphs in it have nodes, too; and a tensor in it may not lie in another file, as nobody would look for that here."""
        for part in self._proto.inside(attribute):
            if part.number in GRAPHS:
                if depth == DEEPEST:
                    raise Refusal(f"its graphs lie within each other more than {DEEPEST} deep")
                for inner in self._proto.inside(part):
                    if inner.number == NODE:
                        self._node(inner, depth + 1)
                    elif inner.number == INITIALIZER:
                        self._refuse_outside(inner)
                    elif inner.number == SPARSE:
                        self._refuse_sparse(inner)
            elif part.number in TENSORS:
                self._refuse_outside(part)
            elif part.number in SPARSE_TENSORS:
                self._refuse_sparse(part)

    def _refuse_outside(self, tensor: Field) -> None:
        if is_outside(self._proto, tensor):
            raise Refusal("a constant inside its graph lies in another file, where only the graph's own tensors may lie")

    def _refuse_sparse(self, sparse: Field) -> None:
        """A message of two tensors and a shape."""
        for part in self._proto.inside(sparse):
            if part.number in (1, 2):
                self._refuse_outside(part)

    def _function(self, function: Field) -> None:
        name = domain = ""
        for part in self._proto.inside(function):
            if part.number == FUNCTION_NAME:
                name = self._name(part)
            elif part.number == FUNCTION_DOMAIN:
                domain = self._name(part)
            elif part.number == FUNCTION_NODE:
                self._node(part, 0)
        self._found.functions.append(f"{domain}:{name}")
        if len(self._found.functions) > MOST_OPERATORS:
            raise Refusal(f"its graph brings more than {MOST_OPERATORS:,} functions along, which no network does")

    def _opset(self, opset: Field) -> tuple[str, int]:
        domain, version = "", 0
        for part in self._proto.inside(opset):
            if part.number == 1:
                domain = self._name(part)
            elif part.number == 2 and part.kind == COUNT:
                version = part.value
        if len(self._found.opsets) >= MOST_OPERATORS:
            raise Refusal(f"its graph names more than {MOST_OPERATORS:,} sets of operators, which no network does")
        return domain, version

    def _note(self, note: Field) -> None:
        """One of the texts that a file says of itself."""
        key = value = ""
        for part in self._proto.inside(note):
            if part.number == 1:
                key = self._name(part)
            elif part.number == 2:
                value = self._proto.text(part, self._limits.header_bytes)
        self._texts += len(key) + len(value)
        if self._texts > self._limits.header_bytes:
            raise Refusal(f"its metadata takes more than the {self._limits.header_bytes:,} bytes that are allowed")
        if key in self.metadata:
            raise Refusal(f"its metadata says twice what {printable(key)} is")
        self.metadata[key] = value

    def _value(self, value: Field) -> GraphValue:
        name, kind, shape = "", "of no type", None
        for part in self._proto.inside(value):
            if part.number == 1:
                name = self._name(part)
            elif part.number == 2:
                for inner in self._proto.inside(part):
                    if inner.number == 1:
                        kind, shape = self._tensor_type(inner)
                    elif inner.number != 6:  # what it denotes
                        kind = "no tensor"
        return GraphValue(name, kind, shape)

    def _tensor_type(self, described: Field) -> tuple[str, tuple[int | str, ...] | None]:
        kind: str = "of no type"
        shape: tuple[int | str, ...] | None = None
        for part in self._proto.inside(described):
            if part.number == 1 and part.kind == COUNT:
                kind = TYPES[part.value].name if part.value in TYPES else f"type {part.value}"
            elif part.number == 2:
                shape = tuple(self._dimensions(part))
        return kind, shape

    def _dimensions(self, shape: Field) -> Iterator[int | str]:
        for number, part in enumerate(self._proto.inside(shape)):
            if number >= MOST_DIMENSIONS:
                raise Refusal(f"its graph has an input or output of more than {MOST_DIMENSIONS} dimensions")
            side: int | str = ""
            for inner in self._proto.inside(part):
                if inner.number == 1 and inner.kind == COUNT and inner.value < LARGEST:
                    side = inner.value
                elif inner.number == 2:
                    side = self._name(inner)
            yield side

    def _name(self, part: Field) -> str:
        return self._proto.text(part, LONGEST_NAME)
