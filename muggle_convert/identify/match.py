"""From a checkpoint to what it is: the family, the layout, the configuration, and the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from model_defs.config import DPTConfig
from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.checkpoints.brief import Brief
from muggle_convert.checkpoints.fingerprint import promised_fingerprint
from muggle_convert.errors import Refusal
from muggle_convert.families import BY_NAME, FAMILIES
from muggle_convert.families.shared.evidence import Evidence
from muggle_convert.families.shared.family import Family
from muggle_convert.identify.candidates import best_candidate
from muggle_convert.identify.converted import read_converted
from muggle_convert.identify.document import KEY, Document
from muggle_convert.identify.graphs import read_graph_file
from muggle_convert.identify.translation import Translation
from muggle_convert.identify.unsupported import refuse_unsupported
from muggle_convert.onnx.description import Graph
from muggle_convert.rules import Shape

CONVERTED, GRAPH = "converted", "graph"  # the layouts of the files this program writes


@dataclass(frozen=True, repr=False)
class Match(Brief):
    """What a checkpoint is, and how its tensors are called in the model."""

    checkpoint: Checkpoint
    family: Family[Any]
    layout: str
    config: DPTConfig
    evidence: Mapping[str, Evidence]
    translation: Translation
    document: Document | None = None  # what a converted file says of itself
    left_out: Mapping[str, str] = field(default_factory=dict)  # reason by name, for what the user asked to drop
    graph: Graph | None = None  # where the network is an ONNX graph

    def told(self) -> Mapping[str, object]:
        return {"file": self.checkpoint.name, "family": self.family.name, "layout": self.layout}

    @cached_property
    def inventory(self) -> Mapping[str, Shape]:
        """Every tensor of the network, with its shape, in the order of the files that are written."""
        return self.family.inventory(self.config)

    @property
    def fingerprint(self) -> str | None:
        """That of the original the weights came in; None where its container promises no checksums."""
        return self.document.source["fingerprint"] if self.document else promised_fingerprint(self.checkpoint)

    @property
    def released(self) -> tuple[str, bool]:
        """The published checkpoint of this configuration, or else the nearest one and False."""
        return self.family.nearest_released(self.config)


def match(
    checkpoint: Checkpoint,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Match:
    """What a checkpoint is; refused where it is unknown, ambiguous or contradicts itself."""
    if family is not None and family not in BY_NAME:
        raise Refusal(f"there is no family {family!r}; the families are {', '.join(BY_NAME)}.")
    settings = overrides or {}
    _refuse_no_value(settings)
    refuse_unsupported(checkpoint)
    left_out = checkpoint.left_out
    document: Document | None = None
    graph: Graph | None = None
    if checkpoint.graph is not None:
        document, graph, found = read_graph_file(checkpoint, family, settings)
        known, layout = BY_NAME[document.config.family], GRAPH
    elif KEY in checkpoint.metadata:
        document, found = read_converted(checkpoint, family, settings, left_out)
        known, layout = BY_NAME[document.config.family], CONVERTED
    else:
        candidate, found = best_candidate(checkpoint, family, settings, left_out)
        known, layout = candidate.family, candidate.layout
    return Match(checkpoint, known, layout, found.config, found.evidence, found.translation, document, left_out, graph)


def _refuse_no_value(settings: Mapping[str, Any]) -> None:
    """Say which setting it is that no family could read, before one of them says it of a value without a name."""
    for key, value in settings.items():
        problems = []
        for known in (family.settings[key] for family in FAMILIES if key in family.settings):
            try:
                known.parse(value)
                break
            except Refusal as problem:
                problems.append(problem)
        else:
            if problems:
                raise Refusal(f"the setting {printable(key)} (--set) has no such value: {problems[0]}")
