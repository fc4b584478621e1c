"""From the value at the root of a file to the tensors of one model: nesting and prefixes are removed, and each is reported.

If several entries could be the model: the first of `KEYS` that holds tensors, or else the only one that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from muggle_convert.checkpoints.arguments import KEYS as ARGUMENT_KEYS
from muggle_convert.checkpoints.arguments import LONGEST_TEXT, arguments_of, plain
from muggle_convert.checkpoints.checkpoint import TensorEntry
from muggle_convert.checkpoints.malicious_names import is_harmful
from muggle_convert.checkpoints.pickle_values import Inert, Pairs, Tensor, Unsupported, Value
from muggle_convert.checkpoints.safe_text import LONGEST, printable, shown
from muggle_convert.errors import Refusal

KEYS = (
    "model", "state_dict", "model_state_dict", "params_ema", "params", "net", "ema", "model_ema", "ema_state_dict", "network", "module",
    "weights",
)  # fmt: skip
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "_forward_module.")
MOST_PREFIXES = 16  # in front of each other
DEEPEST = 6
MOST_IGNORED = 1000  # entries that are listed
MOST_PATHS, MOST_ENTRIES = 1000, 1_000_000  # examined on each level to resolve --state


@dataclass(frozen=True)
class Unwrapped:
    """The tensors of one model and what lay around them, under the names that a `Checkpoint` has for them."""

    tensors: dict[str, TensorEntry]
    arguments: dict[str, Any]
    unwrapped: tuple[str, ...]
    ignored: tuple[str, ...]


def unwrap(root: Value, choice: str | None = None) -> Unwrapped:
    """`choice` is the entry to take (`ema`, or `checkpoint.ema` where that is deeper), or, ending in a dot, the prefix of
    the names to take."""
    said: list[str] = []
    beside: list[tuple[Value, Value]] = []
    prefix = choice if choice and choice.endswith(".") else None
    value: Value = root
    if choice and not prefix:
        value, beside = _chosen(root, choice)
        said.append(f"took {printable(choice)!r}, as was asked")
    leading: dict[int, bool] = {}
    for _ in range(DEEPEST):
        inner = _inner(value, leading)
        if inner is None:
            break
        key, others = inner
        said.append(f"took {printable(key)!r}" + (f", not {_listed(others)}, which --state chooses" if others else ""))
        beside += [pair for pair in value.items if pair[0] != key]
        value = next(child for name, child in value.items if name == key)
    tensors, rest = _tensors_of(value)
    if prefix:
        rest += [(name, tensor) for name, tensor in tensors.items() if not name.startswith(prefix)]
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if not tensors:
            raise Refusal(f"no tensor's name begins with {printable(prefix)!r}, which --state asks for")
        said.append(f"took the {len(tensors):,} names that begin with {printable(prefix)!r}, as was asked")
    tensors = _without_prefixes(tensors, said)
    return Unwrapped(
        {name: tensor.entry(name) for name, tensor in tensors.items()},
        arguments_of(beside + rest),
        tuple(said),
        _ignored([pair for pair in beside + rest if pair[0] not in ARGUMENT_KEYS]),
    )


def _ignored(pairs: list[tuple[Value, Value]]) -> tuple[str, ...]:
    named = [f"{shown(key)}: {_words(child)}" for key, child in pairs[:MOST_IGNORED]]
    return (*named, f"and {len(pairs) - MOST_IGNORED:,} more") if len(pairs) > MOST_IGNORED else tuple(named)


def flat(root: Value) -> dict[str, Tensor]:
    """The tensors of a shard, which is a state dict and nothing else."""
    tensors, rest = _tensors_of(root)
    if rest:
        raise Refusal(f"a shard must hold tensors only; this one also has {shown(rest[0][0])}: {_words(rest[0][1])}")
    return tensors


def _inner(value: Value, leading: dict[int, bool]) -> tuple[str, list[str]] | None:
    """The entry that holds the model, and the other candidates; None if the value itself is the state dict."""
    if type(value) is not Pairs:
        return None
    holding = [key for key, child in value.items if type(key) is str and _holds_tensors(child, leading)]
    known = [key for key in KEYS if key in holding]
    if known:
        return known[0], [key for key in holding if key != known[0]]
    if not holding:
        return None
    if any(type(child) is Tensor for _, child in value.items):
        raise Refusal(
            f"it has tensors of its own beside the state dict {_listed(holding)}; take that with --state KEY, or save only what is meant"
        )
    if len(holding) > 1:
        raise Refusal(f"it has several state dicts, {_listed(holding)}; say which with --state KEY")
    return holding[0], []


def _holds_tensors(value: Value, known: dict[int, bool]) -> bool:
    """Whether this is a state dict or, by the usual keys, leads to one. `known` has what was found before, by identity: one
    dictionary can be an entry of a million others, or be reached in a million ways."""
    if type(value) is not Pairs:
        return False
    if id(value) not in known:
        known[id(value)] = any(type(key) is str and type(child) in (Tensor, Unsupported) for key, child in value.items) or any(
            key in KEYS and _holds_tensors(child, known) for key, child in value.items if type(key) is str
        )
    return known[id(value)]


def _chosen(root: Value, choice: str) -> tuple[Value, list[tuple[Value, Value]]]:
    """The value under a dotted path of keys, and what lies beside it."""
    there = _paths(root)
    if choice not in there:
        there = {path: value for path, value in there.items() if path.rpartition(".")[2] == choice}
    if len(there) != 1 and choice not in there:
        known = _paths(root)
        what = f"there is {_listed(list(known))}" if known else "it is one flat state dict, so there is nothing to choose"
        raise Refusal(f"it has no part {printable(choice)!r} to take with --state; {what}")
    path, value = (choice, there[choice]) if choice in there else next(iter(there.items()))
    parent: Value = _paths(root).get(path.rpartition(".")[0], root)
    return value, [pair for pair in parent.items if pair[1] is not value]


def _paths(root: Value) -> dict[str, Value]:
    """Every dictionary that leads to tensors, by its dotted path; nobody types one with a name that is longer than a line."""
    found: dict[str, Value] = {}
    known: dict[int, bool] = {}
    level = [("", root)] if type(root) is Pairs else []
    for _ in range(DEEPEST):
        entries = ((path, key, child) for path, value in level for key, child in value.items)
        inner = (
            (f"{path}.{key}" if path else key, child)
            for path, key, child in islice(entries, MOST_ENTRIES)
            if type(key) is str and type(child) is Pairs and len(key) <= LONGEST
        )
        level = list(islice(inner, MOST_PATHS))
        found.update((path, child) for path, child in level if _holds_tensors(child, known))
    return found


def _tensors_of(value: Value) -> tuple[dict[str, Tensor], list[tuple[Value, Value]]]:
    if type(value) is Inert and value.kind is not None:
        raise Refusal(_pickled_object(value))
    if type(value) is not Pairs:
        raise Refusal(f"holds {_words(value)}, not a state dict, which is a dictionary of named tensors")
    tensors: dict[str, Tensor] = {}
    rest = []
    for name, child in value.items:
        if type(child) is Unsupported:
            raise Refusal(
                f"tensor {printable(name)} is {child.what}, which a safetensors file cannot hold; make it dense and plain, and save it "
                "again"
            )
        if type(child) is not Tensor:
            rest.append((name, child))
            continue
        if type(name) is not str:
            raise Refusal(f"it has a tensor under the key {shown(name)}, which is not a name")
        if name in tensors:
            raise Refusal(f"it has two tensors named {printable(name)}")
        tensors[name] = child
    if not tensors:
        objects = [child for _, child in rest if type(child) is Inert and (child.state is not None or child.items)]
        pickled = [child for key, child in rest if key in KEYS and child in objects]
        raise Refusal(_pickled_object(pickled[0]) if pickled else f"holds no state dict: {_words(value)} without tensors under names")
    return tensors, rest


def _pickled_object(value: Inert) -> str:
    if value.kind is not None and is_harmful(value.kind):
        return f"holds no weights but a call of {printable(value.kind)}, as malicious files do; do not load it anywhere, delete it"
    return (
        f"holds a whole pickled object of the class {printable(value.kind)}, which only its own code can rebuild; "
        "load it if you trust it and save its state_dict() with torch.save"
    )


def _without_prefixes(tensors: dict[str, Tensor], said: list[str]) -> dict[str, Tensor]:
    """A prefix is removed only if every name has it and none is nothing but prefixes."""
    ends = min(tensors), max(tensors)  # what both of these begin with, every name between them does
    shortest = min(map(len, tensors))
    end = 0
    for _ in range(MOST_PREFIXES):
        prefix = next((one for one in PREFIXES if all(name.startswith(one, end) for name in ends) and end + len(one) < shortest), None)
        if prefix is None:
            break
        end += len(prefix)
        said.append(f"took the prefix {prefix!r} off all {len(tensors):,} names")
    return {name[end:]: tensor for name, tensor in tensors.items()} if end else tensors


def _words(value: Value) -> str:
    if type(value) is Pairs:
        return f"a dictionary with {len(value.items):,} {'entry' if len(value.items) == 1 else 'entries'}"
    if type(value) in (list, tuple):
        return f"a list of {len(value):,} values"
    if type(value) is Tensor:
        return f"a tensor {shown(value.shape)} of {value.dtype.code}"
    if type(value) is Unsupported:
        return value.what
    if type(value) is Inert:
        return f"an object of {printable(value.kind)}" if value.kind else "an object that a call would make"
    if type(value) is str:
        return printable(repr(value[:LONGEST])) if len(value) <= LONGEST_TEXT else f"a text of {len(value):,} letters"
    return printable(repr(value)) if plain(value) is not None or value is None else f"a value of the type {type(value).__name__.lower()}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(printable(name)) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
