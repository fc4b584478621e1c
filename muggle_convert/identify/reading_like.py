"""Reading a checkpoint as another one of the same model, so that nothing has to be told of it again."""

from __future__ import annotations

from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.checkpoints.fingerprint import promised_fingerprint
from muggle_convert.families.shared.evidence import Contradiction
from muggle_convert.identify.document import KEY, Document, LeftOut
from muggle_convert.identify.halves import refuse_half
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import Translation, translate
from muggle_convert.rules import Drop
from muggle_convert.version import VERSION


def read_like(matched: Match, checkpoint: Checkpoint) -> Match:
    """The checkpoint with the family and the configuration of the match, in the layout that suits its tensors best."""
    layouts = matched.family.every_layout
    origin = matched.document.layout if matched.document else matched.layout
    translations: dict[str, Translation] = {}
    for layout in [*([origin] if origin in layouts else []), *layouts]:
        try:
            translations[layout] = translate(checkpoint, layouts[layout], {})
        except Contradiction:
            if layout == origin:
                raise
    inventory = matched.inventory

    def suitability(layout: str) -> tuple[int, int]:
        made = translations[layout].made
        return sum(made[name].shape == shape for name, shape in inventory.items() if name in made), len(translations[layout].dropped)

    best = max(translations, key=suitability)
    refuse_half(checkpoint, layouts[best])
    return replace(matched, checkpoint=checkpoint, layout=best, translation=translations[best], document=None, left_out={})


def described_like(checkpoint: Checkpoint, other: Match) -> Checkpoint:
    """The same weights with the description of another checkpoint of that model, from which they have come."""
    before = other.document or _document(other)
    origin = before.source.get("fingerprint") or ""
    training = f"weights of {printable(checkpoint.name)}, with the configuration of {printable(other.checkpoint.name)}"
    source = {**before.source, "fingerprint": "", "training": training, **({"trained_from": origin} if origin else {})}
    document = replace(before, config=other.config, evidence=other.evidence, source=source, aliases={})
    return replace(checkpoint, metadata={**checkpoint.metadata, KEY: document.to_json()})


def _document(other: Match) -> Document:
    """What a conversion of an original would say of itself, as far as nothing has to be read for it."""
    checkpoint = other.checkpoint
    dropped = {
        name: LeftOut(place.rule.why(dict(place.fields)), checkpoint.tensors[name].dtype, checkpoint.tensors[name].shape)
        for name, place in other.translation.dropped.items()
        if isinstance(place.rule, Drop)
    }
    source = {"file": checkpoint.name, "size": checkpoint.stored_size, "fingerprint": promised_fingerprint(checkpoint) or ""}
    return Document(other.config, other.evidence, other.layout, source, {"muggle-convert": VERSION}, dropped)
