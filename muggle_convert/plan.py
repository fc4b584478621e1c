"""The plan of a conversion: the fate of every tensor, settled before a byte is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from muggle_convert.checkpoints import DType, NamedTensor, TensorEntry, printable
from muggle_convert.checkpoints.brief import Brief
from muggle_convert.errors import Refusal
from muggle_convert.identify.dropped import is_exact
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import UNUSED, Made, original_name
from muggle_convert.rules import Drop, Fate
from muggle_convert.rules.operations import Run

COUNTER = "num_batches_tracked"  # an integer in torch's batch norms; everything else in a network is a float


@dataclass(frozen=True)
class Output(NamedTensor):
    """One tensor of the target."""

    made: Made


@dataclass(frozen=True)
class Dropped:
    """A tensor of the source that the target lacks, and why."""

    entry: TensorEntry
    reason: str
    fate: Fate | None  # None: at the user's request

    @property
    def kind(self) -> str:
        """The part of the reason that several tensors share; duplicates each name a different tensor."""
        return self.fate.value if self.fate is Fate.DUPLICATE else self.reason


@dataclass(frozen=True, repr=False)
class Plan(Brief):
    """Every tensor of the source is renamed, joined or split, an alias, or dropped."""

    match: Match
    outputs: tuple[Output, ...]  # in the order of the file
    aliases: dict[str, str]  # names of the model that share another one's tensor
    dropped: tuple[Dropped, ...]

    def told(self) -> Mapping[str, object]:
        counts = {fate: number for fate, number in self.counts().items() if number}
        return {"file": self.match.checkpoint.name, "tensors": ", ".join(f"{number} {fate}" for fate, number in counts.items())}

    def counts(self) -> dict[str, int]:
        """How many tensors met which fate; they add up to `source`, except for `written`."""
        taken = [output.made for output in self.outputs]
        alone = [made for made in taken if made.whole is not None]
        return {
            "source": len(self.match.checkpoint.tensors),
            "written": len(self.outputs),
            "renamed": len([made for made in alone if not made.name.startswith(UNUSED)]),
            "kept unused": len([made for made in alone if made.name.startswith(UNUSED)]),
            "split or joined": len({origin for made in taken if made.whole is None for origin in made.origins}),
            "aliases": len(self.aliases),
            "dropped": len(self.dropped),
        }


def plan(match: Match, dtype: DType | None = None, keep_unused: bool = False) -> Plan:
    """Settle what is written, in which order, as what."""
    kept = dict(_kept(match, keep_unused))
    made = {**match.translation.made, **{tensor.name: tensor for tensor in kept.values()}}
    order = {name: position for position, name in enumerate([*match.inventory, *sorted(made)])}
    outputs: list[Output] = []
    aliases: dict[str, str] = {}
    owners: dict[tuple[object, ...], str] = {}
    for name in sorted(made, key=lambda name: order[name]):
        tensor = made[name]
        if tensor.dtype.is_complex:
            raise Refusal(f"{', '.join(map(printable, tensor.origins))} holds complex numbers, in which no network here can compute.")
        if not tensor.dtype.is_floating and not name.startswith(UNUSED) and not name.endswith(COUNTER):
            raise Refusal(
                f"{', '.join(map(printable, tensor.origins))} holds {tensor.dtype.code}, but weights must be floating-point numbers; if they were "
                "quantised, convert the file they were made from."
            )
        if (whole := tensor.whole) is not None:
            owner = owners.setdefault(whole.place, name)
            if owner != name and whole.count:
                aliases[name] = owner
                continue
        outputs.append(Output(name, dtype if dtype is not None and tensor.dtype.is_floating else tensor.dtype, tensor.shape, tensor))
    # Wider types first keeps every tensor aligned to its element size; otherwise the model's own order.
    outputs.sort(key=lambda output: (-output.dtype.size, order[output.name]))
    return Plan(match, tuple(outputs), aliases, tuple(_dropped(match, kept)))


def _dropped(match: Match, kept: Mapping[str, Made]) -> Iterator[Dropped]:
    for name, reason in match.left_out.items():
        yield Dropped(match.checkpoint.tensors[name], reason, None)
    for name, place in match.translation.dropped.items():
        drop = place.rule
        if isinstance(drop, Drop) and name not in kept:
            yield Dropped(match.checkpoint.tensors[name], drop.why(dict(place.fields)), drop.fate)


def _kept(match: Match, keep_unused: bool) -> Iterator[tuple[str, Made]]:
    """What is not run here, and where that is asked for everything that could not be recomputed bit for bit, by its name in the source."""
    for name, place in match.translation.dropped.items():
        entry, drop = match.checkpoint.tensors[name], place.rule
        assert isinstance(drop, Drop)
        is_asked_for = keep_unused and (drop.fate is Fate.UNUSED or (drop.fate is Fate.DERIVABLE and not is_exact(match, name)))
        if drop.fate is Fate.NOT_RUN or is_asked_for:
            here = UNUSED + original_name(place, name)
            yield name, Made(here, entry.dtype, entry.shape, ((entry, Run(0, 0, entry.count)),))
