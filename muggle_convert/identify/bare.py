"""Weights under the names that networks here give them, and nothing that says of which: what `save_file(model.state_dict())` leaves."""

from __future__ import annotations

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal
from muggle_convert.families import FAMILIES
from muggle_convert.identify.document import KEY

MOST_NAMED = 3


def families_of(checkpoint: Checkpoint) -> list[str]:
    """Those whose networks have all of these names; none where a graph or a document says what it is."""
    if checkpoint.graph is not None or KEY in checkpoint.metadata or not checkpoint.tensors:
        return []
    known = {family.name: list(family.every_layout.values()) for family in FAMILIES}
    return [
        family
        for family, layouts in known.items()
        if any(all(rules.of_canonical(name) is not None for name in checkpoint.tensors) for rules in layouts)
    ]


def refusal_of_bare(checkpoint: Checkpoint) -> Refusal | None:
    """What to do with them, if these are such weights."""
    families = families_of(checkpoint)
    if not families:
        return None
    named = f" (such as a {' or '.join(families)})" if len(families) <= MOST_NAMED else ""
    return Refusal(
        f"{printable(checkpoint.name)} holds weights under the names that networks here{named} give them and nothing that says what they are, as "
        "save_file(model.state_dict()) leaves it: name a checkpoint of the same model, such as the one that was trained further, "
        'load_any_dpt(FILE, like=CHECKPOINT) or --like CHECKPOINT, and keep the result with model.save("model.safetensors").'
    )
