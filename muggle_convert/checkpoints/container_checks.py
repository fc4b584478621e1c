"""Checks of the containers that a pickle builds: cycles, deep nesting and repeated names, which valid instructions can produce."""

from __future__ import annotations

from collections import Counter

from muggle_convert.checkpoints.pickle_values import Pairs, Value
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.errors import Refusal


def check_containers(root: Value, deepest: int = 100) -> None:
    """Plain containers must be shallow, free of cycles and without repeated names, so that every walk over them ends."""
    walked: dict[int, bool] = {}  # by identity; True while the container encloses the current one
    path = [(root, iter(_children(root)))]
    walked[id(root)] = True
    _refuse_repeated_names(root)
    while path:
        container, children = path[-1]
        for child in children:
            if type(child) not in (list, tuple, Pairs):
                continue
            if walked.get(id(child)):
                raise Refusal("its pickle has a container that contains itself")
            if id(child) in walked or not (child.items if type(child) is Pairs else child):
                continue
            if len(path) >= deepest:
                raise Refusal(f"its pickle nests containers deeper than {deepest} levels")
            _refuse_repeated_names(child)
            walked[id(child)] = True
            path.append((child, iter(_children(child))))
            break
        else:
            walked[id(container)] = False
            path.pop()


def _refuse_repeated_names(container: Value) -> None:
    names = [key for key, _ in container.items if type(key) is str] if type(container) is Pairs else []
    if len(set(names)) != len(names):
        repeated = next(name for name, count in Counter(names).items() if count > 1)
        raise Refusal(f"its pickle has a dictionary with two entries named {printable(repeated)}")


def _children(container: Value) -> list[Value] | tuple[Value, ...]:
    if type(container) is Pairs:
        return [value for _, value in container.items]
    return container if type(container) in (list, tuple) else ()
