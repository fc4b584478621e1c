"""From the value at the root of a file to the tensors of one model: nesting and prefixes are removed, and each is reported.

If several entries could be the model: the first of `KEYS` that holds tensors, or else the only one that does.
The other sets of weights in the file are listed, wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from muggle_convert.checkpoints.arguments import KEYS as ARGUMENT_KEYS
from muggle_convert.checkpoints.arguments import LONGEST_TEXT, arguments_of, plain
from muggle_convert.checkpoints.checkpoint import TensorEntry
from muggle_convert.checkpoints.malicious_names import is_harmful
from muggle_convert.checkpoints.pickle_values import Inert, Pairs, Tensor, Unsupported, Value
from muggle_convert.checkpoints.safe_text import LONGEST, printable, shown
from muggle_convert.checkpoints.states import (
    DEEPEST,
    KEYS,
    Chosen,
    chosen,
    holds_tensors,
    is_list_of_tensors,
    listed,
    no_such_part,
    sets_of_weights,
)
from muggle_convert.errors import Refusal

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "_forward_module.")
MOST_PREFIXES = 16  # in front of each other
MOST_IGNORED = 1000  # entries that are listed

LeaveOut = Callable[[str], "str | None"]  # from the name of a tensor in the file to the reason why it is not wanted


@dataclass(frozen=True)
class Unwrapped:
    """The tensors of one model and what lay around them, under the names that a `Checkpoint` has for them."""

    tensors: dict[str, TensorEntry]
    arguments: dict[str, Any]
    unwrapped: tuple[str, ...]
    ignored: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    prefix: str = ""


def unwrap(root: Value, choice: str | None = None, leave_out: LeaveOut = lambda name: None) -> Unwrapped:
    """`choice` is the entry to take (`ema`, or `checkpoint.ema` where that is deeper), or what the names to take begin with (`model.`).
    What is left out keeps the name that it has in the file."""
    asked = chosen(root, choice) if choice else Chosen("", root, [], "")
    said = [f"took {printable(asked.path)!r}, as was asked"] if asked.path else []
    value, beside = _unwrapped(asked, said)
    if not choice:
        others = [path for path, other in sets_of_weights(root).items() if other is not value]
        said[-1:] = (
            [f"{said[-1] if said else 'took what is outermost'}, not {listed(others)}, which --state chooses"] if others else said[-1:]
        )
    tensors, rest = _tensors_of(value)
    if asked.prefix:
        rest += [(name, tensor) for name, tensor in tensors.items() if not name.startswith(asked.prefix)]
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith(asked.prefix)}
        if not tensors:
            raise no_such_part(root, choice or "")
        said.append(f"took the {len(tensors):,} names that begin with {printable(asked.prefix)!r}, as was asked")
    left_out = {name: reason for name in tensors if (reason := leave_out(name)) is not None}
    of_model = {name: tensor for name, tensor in tensors.items() if name not in left_out}
    prefix = _shared_prefix(of_model, asked.prefix, said) if of_model else ""
    bare = {name[len(prefix) :]: tensor for name, tensor in of_model.items()}
    if bare.keys() & left_out.keys():
        raise Refusal(
            f"it would have two tensors named {printable(next(iter(bare.keys() & left_out.keys())))} without {printable(prefix)!r}"
        )
    entries = {**bare, **{name: tensors[name] for name in left_out}}
    return Unwrapped(
        {name: tensor.entry(name) for name, tensor in entries.items()},
        arguments_of(beside + rest),
        tuple(said),
        _ignored([pair for pair in beside + rest if pair[0] not in ARGUMENT_KEYS]),
        left_out,
        prefix,
    )


def _unwrapped(asked: Chosen, said: list[str]) -> tuple[Value, list[tuple[Value, Value]]]:
    """The state dict that a value leads to, and everything that lay around it."""
    value, beside = asked.value, asked.beside
    leading: dict[int, bool] = {}
    for _ in range(DEEPEST):
        key = _inner(value, leading)
        if key is None:
            break
        said.append(f"took {printable(key)!r}")
        beside = beside + [pair for pair in value.items if pair[0] != key]
        value = next(child for name, child in value.items if name == key)
    if holds_tensors(value, leading):
        return value, beside
    deeper = sets_of_weights(value)
    if len(deeper) > 1:
        raise Refusal(f"it has several state dicts, {listed(list(deeper))}; say which with --state KEY")
    for path, inner in deeper.items():
        said.append(f"took {printable(path)!r}")
        return inner, beside + list(value.items)
    return value, beside


def _ignored(pairs: list[tuple[Value, Value]]) -> tuple[str, ...]:
    named = [f"{shown(key)}: {_words(child)}" for key, child in pairs[:MOST_IGNORED]]
    return (*named, f"and {len(pairs) - MOST_IGNORED:,} more") if len(pairs) > MOST_IGNORED else tuple(named)


def flat(root: Value) -> dict[str, Tensor]:
    """The tensors of a shard, which is a state dict and nothing else."""
    tensors, rest = _tensors_of(root)
    if rest:
        raise Refusal(f"a shard must hold tensors only; this one also has {shown(rest[0][0])}: {_words(rest[0][1])}")
    return tensors


def _inner(value: Value, leading: dict[int, bool]) -> str | None:
    """The entry that holds the model; None if the value itself is the state dict."""
    if type(value) is not Pairs:
        return None
    holding = [key for key, child in value.items if type(key) is str and holds_tensors(child, leading)]
    known = [key for key in KEYS if key in holding]
    if known or not holding:
        return known[0] if known else None
    if any(type(child) is Tensor for _, child in value.items):
        raise Refusal(
            f"it has tensors of its own beside the state dict {listed(holding)}; take that with --state KEY, or save only what is meant"
        )
    if len(holding) > 1:
        raise Refusal(f"it has several state dicts, {listed(holding)}; say which with --state KEY")
    return holding[0]


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


def _shared_prefix(names: Collection[str], known: str, said: list[str]) -> str:
    """What is taken off: a prefix that is known already, and usual ones that every name has after it, if none is nothing but prefixes."""
    ends = min(names), max(names)  # what both of these begin with, every name between them does
    shortest = min(map(len, names))
    end = len(known)
    for _ in range(MOST_PREFIXES):
        prefix = next((one for one in PREFIXES if all(name.startswith(one, end) for name in ends) and end + len(one) < shortest), None)
        if prefix is None:
            break
        end += len(prefix)
        said.append(f"took the prefix {prefix!r} off all {len(names):,} names")
    return ends[0][:end]


def _words(value: Value) -> str:
    if type(value) is Pairs:
        return f"a dictionary with {len(value.items):,} {'entry' if len(value.items) == 1 else 'entries'}"
    if type(value) in (list, tuple):
        return f"a list of {len(value):,} {'tensors without names' if is_list_of_tensors(value) else 'values'}"
    if type(value) is Tensor:
        return f"a tensor {shown(value.shape)} of {value.dtype.code}"
    if type(value) is Unsupported:
        return value.what
    if type(value) is Inert:
        return f"an object of {printable(value.kind)}" if value.kind else "an object that a call would make"
    if type(value) is str:
        return printable(repr(value[:LONGEST])) if len(value) <= LONGEST_TEXT else f"a text of {len(value):,} letters"
    return printable(repr(value)) if plain(value) is not None or value is None else f"a value of the type {type(value).__name__.lower()}"
