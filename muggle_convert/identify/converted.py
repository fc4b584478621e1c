"""Reading files that this program wrote, which say themselves what they are, and may have been written by a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_defs.config import DPTConfig
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Findings
from muggle_convert.families.shared.family import Family
from muggle_convert.identify.accounting import Description, account, apply_settings, reading_of
from muggle_convert.identify.document import KEY, Document, read_document
from muggle_convert.identify.translation import UNUSED, Translation, translate
from muggle_convert.rules import Shape


def read_converted(
    checkpoint: Checkpoint, family: str | None, overrides: Mapping[str, Any], left_out: Mapping[str, str]
) -> tuple[Document, Description]:
    """What such a file says of itself, and what it holds, with what flags change on top."""
    document = read_document(checkpoint.metadata[KEY], printable(checkpoint.name))
    found = described_family(document, family, printable(checkpoint.name))
    findings = Findings(evidence=dict(document.evidence))
    translation = translate(checkpoint, None, left_out)
    shown = {name: made for name, made in translation.made.items() if not name.startswith(UNUSED)}
    shown |= {alias: shown[owner] for alias, owner in document.aliases.items() if owner in shown}
    reading = reading_of(checkpoint, found, Translation(shown, {}), overrides, None)
    inventory = inventory_described(found, document.config, checkpoint)
    for alias, owner in document.aliases.items():
        if alias in checkpoint.tensors or alias not in inventory or owner not in checkpoint.tensors:
            raise Refusal(
                f"{printable(checkpoint.name)} says that its tensor {printable(owner)} is also {printable(alias)}, and that cannot be; convert the "
                "original again."
            )
    account(reading, document.config, inventory)
    config = apply_settings(found, document.config, overrides, findings)
    return document, Description(config, findings.evidence, translation)


def described_family(document: Document, family: str | None, file: str) -> Family[Any]:
    """The family that a file says it is of, which a flag may repeat."""
    found = BY_NAME.get(document.config.family)
    if found is None:
        raise Refusal(f"{file} holds a {document.config.family!r}; this version knows {', '.join(BY_NAME)}.")
    if family not in (None, found.name):
        raise Refusal(f"{file} was converted as {found.name}, not as {family}; convert the original again to change that.")
    return found


def inventory_described(family: Family[Any], config: DPTConfig, checkpoint: Checkpoint) -> Mapping[str, Shape]:
    """The inventory of a configuration that a file brought along, in which a stranger can have written any numbers."""
    refusal = Refusal(f"{printable(checkpoint.name)} describes a network that cannot be; convert the original again.")
    if not isinstance(config.encoder, family.encoder):
        raise refusal
    counts = [value for path, value in leaves(config).items() if "depth" in path.rpartition(".")[2] and isinstance(value, (int, tuple))]
    blocks = sum(sum(count) if isinstance(count, tuple) else count for count in counts)
    if blocks > len(checkpoint.tensors):
        raise refusal
    try:
        return family.inventory(config)
    except (
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    ):  # numbers that divide nothing, and lists of other lengths than the ones beside them
        raise refusal from None
