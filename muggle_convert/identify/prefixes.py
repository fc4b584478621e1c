"""Taking off what stands before the names of a network, be it before all names of a checkpoint or before the bulk of them.

What then stands beside the network is left out where it is a trainer's own or another set of weights, and asked about where it could be
a part of the network.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint, TensorEntry, printable
from muggle_convert.checkpoints.states import KEYS, listed
from muggle_convert.errors import Refusal
from muggle_convert.identify.known_names import known_names

DEEPEST = 4  # words in front of a name, such as model.module.
MOST_SETS = 20  # of weights side by side; each has at least its share of the names
KNOWN = 0.9  # of the names of a set, at least

# Trainers' own: how many steps an average has seen, losses with their weights and networks, sums of metrics.
_OF_TRAINERS = re.compile(
    r"(n_averaged|num_updates|decay|initted|log_vars?|log_sigmas?|lpips|((train|val|valid|validation|test)_)?(loss|criterion|metric)\w*"
    r"|\w+_(loss|criterion|metrics?)|(train|val|valid|validation|test)_\w+)(\.|$)",
    re.IGNORECASE,
)
_NO_NETWORK = "of its trainer, which no network reads"


def without_shared_prefix(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint under names that more of a family's tensors have; the usual prefixes of training were taken off before."""
    names = _names(checkpoint)
    prefix = os.path.commonprefix(names)  # noqa: RUF071  # characters, be they whole words or not
    bare = [name.removeprefix(prefix) for name in names]
    if not prefix or "" in bare or len(known_names(bare)) <= len(known_names(names)):
        return checkpoint
    said = f"took {printable(prefix)!r}, which no family has there, off the beginning of all {len(names):,} names"
    return _bare(checkpoint, prefix, said)


def without_bulk_prefix(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint without the prefix of the one set of weights in it that is a network. What stands beside keeps its name."""
    names = _names(checkpoint)
    known = known_names(names)
    if not names or len(known) == len(names):
        return checkpoint
    sets = _sets(names, len(known))
    if not sets:
        return _without_what_is_of_trainers(checkpoint, set(names) - set(known) if len(known) >= KNOWN * len(names) else ())
    prefix, others = _taken(checkpoint, sets)
    count = sum(name.startswith(prefix) for name in names)
    chosen = f", not {listed(others)}, which --state chooses" if others else ""
    said = f"took {printable(prefix)!r} off the beginning of {count:,} of {len(names):,} names{chosen}"
    beside = [name for name in names if not name.startswith(prefix)]
    found = _without_what_is_of_trainers(_without_sets(_bare(checkpoint, prefix, said), beside, others), beside)
    if left := [name for name in beside if name not in found.left_out]:
        raise Refusal(
            f"{printable(checkpoint.name)} has {count:,} tensors of a network under {printable(prefix)!r} and beside them {listed(left)}, "
            f"which could be weights too: take the former alone with --state {printable(found.prefix)!r}, or leave out what the network "
            f"does not need with --drop {printable(left[0])!r}."
        )
    return found


def _names(checkpoint: Checkpoint) -> list[str]:
    return [name for name in checkpoint.tensors if name not in checkpoint.left_out]


def _bare(checkpoint: Checkpoint, prefix: str, said: str) -> Checkpoint:
    """With names that begin with the prefix going on without it."""
    bare = {name: name if name in checkpoint.left_out else name.removeprefix(prefix) for name in checkpoint.tensors}
    if len(set(bare.values())) < len(bare):  # some could not be told apart any more
        return checkpoint
    tensors: dict[str, TensorEntry] = {bare[name]: replace(entry, name=bare[name]) for name, entry in checkpoint.tensors.items()}
    return replace(checkpoint, tensors=tensors, prefix=checkpoint.prefix + prefix, unwrapped=(*checkpoint.unwrapped, said))


def _sets(names: list[str], known: int) -> list[str]:
    """The prefixes, in whole words, under which there is a network; the best of them where none is known well enough."""
    starts = Counter(
        ".".join(words[:depth]) + "."
        for name in names
        for words in [name.split(".")]
        for depth in range(1, DEEPEST + 1)
        if depth < len(words)
    )
    shares: dict[str, float] = {}
    best, most = "", known
    for prefix, count in starts.items():
        if count * MOST_SETS < len(names) or count == len(names):
            continue
        found = len(known_names(name.removeprefix(prefix) for name in names if name.startswith(prefix)))
        if found > most and count > len(names) / 2:
            best, most = prefix, found
        if found > known:
            shares[prefix] = found / count
    sets = sorted((prefix for prefix, share in shares.items() if share >= KNOWN), key=len)
    outermost = [prefix for prefix in sets if not any(prefix != other and prefix.startswith(other) for other in sets)]
    return outermost or ([best] if best else [])


def _taken(checkpoint: Checkpoint, sets: list[str]) -> tuple[str, list[str]]:
    """The set that has the first of the usual names, or the only one; and the others."""
    usual = [one for key in KEYS for one in sets if one.partition(".")[0] == key]
    if len(sets) > 1 and not usual:
        whole = [checkpoint.prefix + one for one in sets]
        raise Refusal(
            f"{printable(checkpoint.name)} has several sets of weights, {listed(whole)}; say which with --state {printable(whole[0])!r}."
        )
    taken = usual[0] if usual else sets[0]
    return taken, [one for one in sets if one != taken]


def _without_sets(checkpoint: Checkpoint, beside: list[str], others: list[str]) -> Checkpoint:
    reasons = {
        name: f"of another set of weights, which --state {other} takes" for other in others for name in beside if name.startswith(other)
    }
    return replace(checkpoint, left_out={**checkpoint.left_out, **reasons})


def _without_what_is_of_trainers(checkpoint: Checkpoint, names: Iterable[str]) -> Checkpoint:
    reasons = {
        name: _NO_NETWORK
        for name in names
        if name not in checkpoint.left_out and (_OF_TRAINERS.match(name) is not None or _is_counter(checkpoint.tensors[name]))
    }
    return replace(checkpoint, left_out={**checkpoint.left_out, **reasons})


def _is_counter(entry: TensorEntry) -> bool:
    return entry.count == 1 and not entry.dtype.is_floating
