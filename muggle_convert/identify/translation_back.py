"""The tensors of the model under the names of a layout: the inverse of `translate`, for any layout, whichever they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from muggle_convert.checkpoints import TensorEntry
from muggle_convert.checkpoints.tensor_bytes import element_chunks
from muggle_convert.errors import Refusal
from muggle_convert.identify.translation import Made
from muggle_convert.rules import Rule, RuleSet
from muggle_convert.rules.operations import Assembly, Run, ShapeError, uncarried
from muggle_convert.rules.ruleset import Place

ZEROS = bytes(1 << 20)


@dataclass(frozen=True)
class Back:
    """Every tensor of the layout, and what of the model has no place there."""

    made: Mapping[str, Made]  # by name in the layout
    homeless: tuple[Made, ...]  # parts of tensors that would be lost, unless they are zeros


def translate_back(made: Mapping[str, Made], rules: RuleSet, layout: str) -> Back:
    """Apply the inverse rules to every tensor of the model."""
    back: dict[str, Made] = {}
    homeless: list[Made] = []
    done: set[tuple[int, object]] = set()
    for name in made:
        place = rules.of_canonical(name)
        if place is None or not isinstance(place.rule, Rule):
            raise Refusal(f"the {layout} layout has no place for {name}.")
        if (key := (id(place.rule), place.fields)) in done:
            continue
        done.add(key)
        tensors, names = _both_sides(made, place, place.rule, layout)
        shapes = [tensor.shape for tensor in tensors]
        try:
            assemblies = place.rule.operation.backward(shapes)
        except ShapeError as problem:
            raise Refusal(f"{name} {problem}, as the {layout} layout has it.") from None
        back |= {target: _put_together(target, assembly, tensors) for target, assembly in zip(names, assemblies, strict=True)}
        for run in uncarried(assemblies, shapes):
            homeless.append(_put_together(name, Assembly((run.count,), (run,)), tensors))
    return Back(back, tuple(homeless))


def chunks_of(made: Made) -> Iterator[bytes | memoryview]:
    """The elements of a tensor that is put together from runs, in order. Each chunk is valid until the next is asked for."""
    for entry, run in made.runs:
        if entry is not None:
            yield from element_chunks(entry, run.start, run.count)
            continue
        left = run.count * made.dtype.size
        while left:
            yield ZEROS[:left]
            left -= min(left, len(ZEROS))


def is_zero(made: Made) -> bool:
    return not any(bytes(chunk).strip(b"\0") for chunk in chunks_of(made))


def refuse_loss(back: Back, layout: str) -> None:
    """Refuse where the layout has no place for something that is not zero."""
    for made in back.homeless:
        if not is_zero(made):
            raise Refusal(
                f"{made.name} has {made.runs[0][1].count} elements that the {layout} layout takes for zeros and that are not; it cannot hold this model."
            )


def _both_sides(made: Mapping[str, Made], place: Place, rule: Rule, layout: str) -> tuple[list[Made], list[str]]:
    here, there = place.siblings(rule.canonical), place.siblings(rule.original)
    if None in there or any(name not in made for name in here):
        raise Refusal(f"the {layout} layout has no place for {here[place.position]}.")
    return [made[name] for name in here if name is not None], [name for name in there if name is not None]


def _put_together(name: str, assembly: Assembly, tensors: list[Made]) -> Made:
    runs: list[tuple[TensorEntry | None, Run]] = []
    for run in assembly.runs:
        runs += [(None, run)] if run.source is None else _cut(tensors[run.source], run.start, run.count)
    return Made(name, tensors[0].dtype, assembly.shape, tuple(runs))


def _cut(tensor: Made, start: int, count: int) -> Iterator[tuple[TensorEntry | None, Run]]:
    """Some elements in a row of a tensor that is itself put together from runs."""
    position = 0
    for entry, run in tensor.runs:
        begin, end = max(start, position), min(start + count, position + run.count)
        if begin < end:
            yield entry, Run(run.source, run.start + begin - position, end - begin)
        position += run.count
