"""The names of a checkpoint under the names of the model: which tensors make which, before any configuration is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muggle_convert.checkpoints import Checkpoint, DType, TensorEntry, printable
from muggle_convert.families.shared.evidence import Contradiction
from muggle_convert.rules import Drop, Rule, RuleSet, Shape
from muggle_convert.rules.operations import Run, ShapeError
from muggle_convert.rules.ruleset import Place

UNUSED = "unused."  # what tensors that the network never reads are kept under, before their original names


@dataclass(frozen=True)
class Made:
    """One tensor of the model: its shape, its element type, and the runs of elements it is put together from."""

    name: str
    dtype: DType
    shape: Shape
    runs: tuple[tuple[TensorEntry | None, Run], ...]

    @property
    def origins(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.name for entry, _ in self.runs if entry is not None))

    @property
    def whole(self) -> TensorEntry | None:
        """The entry this tensor is, where it is one entry from beginning to end."""
        if len(self.runs) == 1 and self.runs[0][0] is not None and self.runs[0][1].count == self.runs[0][0].count:
            return self.runs[0][0]
        return None


@dataclass(frozen=True)
class Translation:
    """Every tensor of a checkpoint: what it makes, or why it is dropped."""

    made: Mapping[str, Made]
    dropped: Mapping[str, Place]


def original_name(place: Place, name: str) -> str:
    """What a dropped tensor is called in the original layout, as far as that has it too."""
    originally = place.rule.originally if isinstance(place.rule, Drop) else None
    return (originally.write(dict(place.fields)) if originally else None) or name


def translate(checkpoint: Checkpoint, rules: RuleSet | None, left_out: Mapping[str, str]) -> Translation:
    """Apply a layout's rules to every name; with no rules the names are the model's already."""
    entries = {name: entry for name, entry in checkpoint.tensors.items() if name not in left_out}
    if rules is None:
        return Translation(
            {name: Made(name, entry.dtype, entry.shape, ((entry, Run(0, 0, entry.count)),)) for name, entry in entries.items()}, {}
        )
    made: dict[str, Made] = {}
    dropped: dict[str, Place] = {}
    done: set[tuple[int, object]] = set()
    for name in entries:
        place = rules.of_original(name)
        if place is None:
            continue
        if isinstance(place.rule, Drop):
            dropped[name] = place
        elif (key := (id(place.rule), place.fields)) not in done:
            done.add(key)
            for tensor in _make(checkpoint, place, place.rule):
                made[tensor.name] = tensor
    return Translation(made, dropped)


def _make(checkpoint: Checkpoint, place: Place, rule: Rule) -> list[Made]:
    file = printable(checkpoint.name)
    names = place.siblings(rule.original)
    entries = [checkpoint.tensors[name] for name in names if name is not None and name in checkpoint.tensors]
    targets = [name for name in place.siblings(rule.canonical) if name is not None]
    if len(entries) != len(rule.original) or len(targets) != len(rule.canonical):
        missing = next((name for name in names if name not in checkpoint.tensors), None)
        raise Contradiction(
            f"{file} lacks {printable(str(missing))}, which belongs with {printable(entries[0].name)}; the file is incomplete."
        )
    if len({entry.dtype for entry in entries}) > 1:
        raise Contradiction(
            f"{file} has {' and '.join(f'{printable(entry.name)} in {entry.dtype.code}' for entry in entries)}; they make one tensor and need one type."
        )
    try:
        assemblies = rule.operation.forward([entry.shape for entry in entries])
    except ShapeError as problem:
        shapes = " and ".join(f"{printable(entry.name)} of shape {list(entry.shape)}" for entry in entries)
        raise Contradiction(f"{file} has {shapes}, which {problem}; the file is of another family or damaged.") from None
    return [
        Made(
            target,
            entries[0].dtype,
            assembly.shape,
            tuple((None if run.source is None else entries[run.source], run) for run in assembly.runs),
        )
        for target, assembly in zip(targets, assemblies, strict=True)
    ]
