"""The sets of weights that a file holds, wherever they are in it, and the one that `--state` means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from muggle_convert.checkpoints.pickle_values import Pairs, Tensor, Unsupported, Value
from muggle_convert.checkpoints.safe_text import LONGEST, printable
from muggle_convert.errors import Refusal

KEYS = (
    "model", "state_dict", "model_state_dict", "params_ema", "params", "net", "ema", "model_ema", "ema_state_dict", "network", "module",
    "weights",
)  # fmt: skip
DEEPEST = 6
MOST_PATHS, MOST_ENTRIES = 1000, 200_000  # examined on each level
FEWEST = 2  # tensors of a set that is worth mentioning
_OF_OPTIMIZERS = re.compile(r"optim|sched|scaler", re.IGNORECASE)  # whose moments are no weights


@dataclass(frozen=True)
class Chosen:
    """What `--state` means: a value in the file, what lies beside it, and, where only some of its names are meant, how those begin."""

    path: str
    value: Value
    beside: list[tuple[Value, Value]]
    prefix: str


def chosen(root: Value, choice: str) -> Chosen:
    """The part under a dotted path of keys, or under its last key where that is the only one; else names that begin like the choice,
    in the part that its beginning names."""
    there = parts(root)
    named = [choice] if choice in there else [path for path in there if path.rpartition(".")[2] == choice]
    if len(named) == 1:
        parent = there.get(named[0].rpartition(".")[0], root)
        value = there[named[0]]
        return Chosen(named[0], value, [pair for pair in _entries(parent) if pair[1] is not value], "")
    if named:
        raise Refusal(f"it has several parts {printable(choice)!r}; say which with --state, of {listed(named)}")
    prefix = choice if choice.endswith(".") else f"{choice}."
    path = max((path for path in there if len(path) + 1 < len(prefix) and prefix.startswith(f"{path}.")), key=len, default="")
    return Chosen(path, there.get(path, root), [], prefix[len(path) + 1 :] if path else prefix)


def no_such_part(root: Value, choice: str) -> Refusal:
    known = parts(root)
    if choice.endswith("."):
        return Refusal(f"no tensor's name begins with {printable(choice)!r}, which --state asks for")
    what = f"there is {listed(list(known))}" if known else "it is one flat state dict, so there is nothing to choose"
    return Refusal(f"it has no part {printable(choice)!r} to take with --state; {what}")


def sets_of_weights(root: Value) -> dict[str, Value]:
    """Every dictionary of named weights by its dotted path, each once."""
    seen: set[int] = set()
    found: dict[str, Value] = {}
    for path, value in parts(root).items():
        named = type(value) is Pairs and sum(type(key) is str and type(child) is Tensor for key, child in value.items) >= FEWEST
        if named and id(value) not in seen and _OF_OPTIMIZERS.search(path.partition(".")[0]) is None:
            found[path] = value
        seen.add(id(value))
    return found


def parts(root: Value) -> dict[str, Value]:
    """Every dictionary that leads to tensors, and every list of them, by its dotted path; nobody types one with a name that is longer
    than a line."""
    found: dict[str, Value] = {}
    known: dict[int, bool] = {}
    level = [("", root)]
    for _ in range(DEEPEST):
        entries = ((path, key, child) for path, value in level for key, child in _entries(value))
        inner = (
            (f"{path}.{key}" if path else str(key), child)
            for path, key, child in islice(entries, MOST_ENTRIES)
            if type(child) in (Pairs, list, tuple) and len(str(key)) <= LONGEST
        )
        level = list(islice(inner, MOST_PATHS))
        found.update((path, child) for path, child in level if holds_tensors(child, known) or is_list_of_tensors(child))
        level = list({id(child): (path, child) for path, child in reversed(level)}.values())  # what stands in many places is entered once
    return found


def holds_tensors(value: Value, known: dict[int, bool]) -> bool:
    """Whether this is a state dict or, by the usual keys, leads to one. `known` has what was found before, by identity: one
    dictionary can be an entry of a million others, or be reached in a million ways."""
    if type(value) is not Pairs:
        return False
    if id(value) not in known:
        known[id(value)] = any(type(key) is str and type(child) in (Tensor, Unsupported) for key, child in value.items) or any(
            key in KEYS and holds_tensors(child, known) for key, child in value.items if type(key) is str
        )
    return known[id(value)]


def is_list_of_tensors(value: Value) -> bool:
    return type(value) in (list, tuple) and len(value) >= FEWEST and all(type(one) is Tensor for one in value)


def listed(names: list[str]) -> str:
    shown = ", ".join(repr(printable(name)) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _entries(value: Value) -> Iterator[tuple[Value, Value]]:
    """Of a dictionary those under names, of a list those that are no tensors."""
    if type(value) is Pairs:
        return (pair for pair in value.items if type(pair[0]) is str)
    return ((number, one) for number, one in enumerate(value if type(value) in (list, tuple) else ()))
