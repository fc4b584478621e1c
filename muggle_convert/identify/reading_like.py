"""Reading a checkpoint as another one of the same model, so that nothing has to be told of it again."""

from __future__ import annotations

from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint
from muggle_convert.families.shared.evidence import Contradiction
from muggle_convert.identify.halves import refuse_half
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import Translation, translate


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
