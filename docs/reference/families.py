"""The table at the beginning of docs/families.md: what each family says of itself."""

from __future__ import annotations

import re

from muggle_convert.families import FAMILIES

BETWEEN = re.compile(r"(?<=<!-- families -->\n).*?(?=<!-- end of families -->)", re.DOTALL)
COLUMNS = ("family", "released as", "encoder", "what is tapped", "maps come from", "fusion and head", "input", "transformers")


def in_document(text: str) -> str:
    return BETWEEN.sub(lambda _: table(), text)


def table() -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for family in sorted(FAMILIES, key=lambda one: one.name):
        kind, glance = family.encoder.kind, family.glance
        released = ", ".join(f"`{one.name}`" for one in family.released)
        encoder = f"[{kind}](../model_defs/encoders/{kind}.py)"
        rows.append(
            (
                f"`{family.name}`",
                released,
                encoder,
                glance.taps,
                glance.maps,
                glance.decoder,
                glance.input,
                "both ways" if family.transformers else "",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
