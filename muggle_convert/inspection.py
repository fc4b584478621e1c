"""What there is to say about a checkpoint: a value that commands, tables and model cards share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from model_defs.plain_values import to_dict
from muggle_convert.checkpoints import Checkpoint
from muggle_convert.checkpoints.brief import Brief
from muggle_convert.checkpoints.fingerprint import promised_fingerprint
from muggle_convert.checkpoints.graphs.graph import GraphValue, OnnxGraph
from muggle_convert.families.shared.evidence import as_json_value
from muggle_convert.identify.licences import Licence, licence_of
from muggle_convert.identify.match import Match
from muggle_convert.outputs import sentence_about
from muggle_convert.plan import Plan

PARTS = ("patch_embed", "posenc", "imgencoder", "reassemble", "fusion", "head")  # in the order of the paper


@dataclass(frozen=True, repr=False)
class Inspection(Brief):
    """A match and the fate of its tensors, ready to be shown."""

    plan: Plan

    @property
    def match(self) -> Match:
        return self.plan.match

    @cached_property
    def parts(self) -> dict[str, tuple[int, int]]:
        """Tensors and parameters of each part of the network; parts that only some families have come last."""
        counts: dict[str, tuple[int, int]] = {}
        for name, shape in self.match.inventory.items():
            part = name.partition(".")[0]
            tensors, parameters = counts.get(part, (0, 0))
            counts[part] = (tensors + 1, parameters + math.prod(shape))
        known = [part for part in PARTS if part in counts]
        return {part: counts[part] for part in [*known, *(part for part in counts if part not in PARTS)]}

    @property
    def parameters(self) -> int:
        return sum(parameters for _, parameters in self.parts.values())

    @cached_property
    def dtypes(self) -> dict[str, int]:
        """Element types by how many tensors have them, the most frequent first."""
        return dict(Counter(entry.dtype.code for entry in self.match.checkpoint.tensors.values()).most_common())

    @cached_property
    def source(self) -> dict[str, Any]:
        """The file at hand, or for a converted file the original it was made from."""
        if self.match.document is not None:
            return dict(self.match.document.source)
        checkpoint = self.match.checkpoint
        size = checkpoint.stored_size
        return {"file": checkpoint.name, "size": size, "fingerprint": promised_fingerprint(checkpoint)}

    @cached_property
    def licence(self) -> Licence | None:
        return licence_of(self.match)

    @property
    def graph(self) -> GraphInspection | None:
        """What the file itself shows of its graph, if it holds one."""
        return GraphInspection(self.match.checkpoint) if self.match.checkpoint.graph is not None else None

    def told(self) -> Mapping[str, object]:
        name, exact = self.match.released
        output, checkpoint = self.match.config.output, self.match.checkpoint
        return {
            "file": checkpoint.name,
            "model": self.match.family.title + (f", released as {name}" if exact else f", nearest to {name}" if name else ""),
            "predicts": sentence_about(output, self.match.config.head.channels),
            "size": f"{self.parameters / 1e6:,.1f} million parameters, {checkpoint.stored_size / 1e6:,.1f} MB, {', '.join(self.dtypes)}",
            "layout": f"{self.match.layout}, in a {checkpoint.container}",
            "licence": self.licence.name if self.licence else "not stated",
        }

    def to_dict(self) -> dict[str, Any]:
        released, exact = self.match.released
        checkpoint = self.match.checkpoint
        return {
            "file": str(checkpoint.path),
            "size": checkpoint.stored_size,
            "container": checkpoint.container,
            "family": self.match.family.name,
            "layout": self.match.layout,
            "released": released if exact else None,
            "nearest": released or None,
            "config": to_dict(self.match.config),
            "evidence": as_json_value(self.match.evidence),
            "tensors": self.plan.counts(),
            "parameters": self.parameters,
            "parts": {part: {"tensors": tensors, "parameters": parameters} for part, (tensors, parameters) in self.parts.items()},
            "dtypes": self.dtypes,
            "dropped": {dropped.entry.name: dropped.reason for dropped in self.plan.dropped},
            "aliases": self.plan.aliases,
            "unwrapped": list(checkpoint.unwrapped),
            "ignored": list(checkpoint.ignored),
            "warnings": list(checkpoint.warnings),
            "source": self.source,
            "licence": self.licence.name if self.licence else None,
            "converted_by": dict(self.match.document.versions) if self.match.document else None,
            **({"graph": self._graph()} if self.graph is not None else {}),
        }

    def _graph(self) -> dict[str, Any]:
        """What it shows, and what it says."""
        described = self.match.graph
        assert self.graph is not None
        assert described is not None
        return {
            **self.graph.facts(),
            "precision": described.precision,
            "has_preprocessing": described.has_preprocessing,
            "size": list(described.size) if described.size else None,
            "trials": [{"shape": list(trial.shape), "error": trial.error, "problem": trial.problem} for trial in described.trials],
        }


@dataclass(frozen=True, repr=False)
class GraphInspection(Brief):
    """What an ONNX file shows of its graph, whoever wrote it."""

    checkpoint: Checkpoint

    @property
    def graph(self) -> OnnxGraph:
        assert self.checkpoint.graph is not None
        return self.checkpoint.graph

    @cached_property
    def types(self) -> dict[str, int]:
        """Types of elements by how many constants have them, the most frequent first."""
        return dict(Counter(constant.type for constant in self.graph.constants).most_common())

    @property
    def numbers(self) -> int:
        """In all constants together."""
        return sum(math.prod(constant.shape) for constant in self.graph.constants)

    def told(self) -> Mapping[str, object]:
        ends = {"takes": self.graph.inputs, "gives": self.graph.outputs}
        return {"file": self.checkpoint.name, "size": f"{self.numbers:,} numbers in constants"} | {
            verb: ", ".join(f"{value.name} of {value.type}" for value in values) for verb, values in ends.items()
        }

    def facts(self) -> dict[str, Any]:
        graph = self.graph
        return {
            "producer": graph.producer,
            "opsets": {domain or "ai.onnx": version for domain, version in graph.opsets.items()},
            "inputs": {value.name: _end(value) for value in graph.inputs},
            "outputs": {value.name: _end(value) for value in graph.outputs},
            "operators": {f"{domain}:{name}".lstrip(":"): count for (domain, name), count in sorted(graph.operators.items())},
            "foreign": graph.foreign,
            "constants": {constant.name: {"type": constant.type, "shape": list(constant.shape)} for constant in graph.constants},
            "metadata": dict(self.checkpoint.metadata),
        }

    def to_dict(self) -> dict[str, Any]:
        checkpoint = self.checkpoint
        return {
            "file": str(checkpoint.path),
            "size": checkpoint.stored_size,
            "container": checkpoint.container,
            "family": None,
            "graph": self.facts(),
            "warnings": list(checkpoint.warnings),
        }


def _end(value: GraphValue) -> dict[str, Any]:
    """An input or an output; a side that may be anything has no number."""
    return {"type": value.type, "shape": None if value.shape is None else [side if side != "" else None for side in value.shape]}
