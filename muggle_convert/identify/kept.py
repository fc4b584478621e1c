"""The tensors of a matched file: those of its network, and those it holds besides."""

from __future__ import annotations

from muggle_convert.checkpoints import TensorEntry
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import UNUSED, Made, original_name


def model_tensors(matched: Match) -> dict[str, Made]:
    """The tensors of the network by name, in its own order, aliases included."""
    made = matched.translation.made
    if matched.document is not None:
        made = {**made, **{alias: made[owner] for alias, owner in matched.document.aliases.items() if owner in made}}
    return {name: made[name] for name in matched.inventory}


def kept_tensors(matched: Match) -> dict[str, TensorEntry]:
    """Tensors that the network never reads, by their names in the original layout."""
    tensors = matched.checkpoint.tensors
    if matched.document is not None:
        return {name.removeprefix(UNUSED): entry for name, entry in tensors.items() if name.startswith(UNUSED)}
    return {original_name(place, name): tensors[name] for name, place in matched.translation.dropped.items()}
