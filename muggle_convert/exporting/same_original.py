"""Whether the checkpoint that helps with an export is the one that was converted; many share names and shapes."""

from __future__ import annotations

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.fingerprint import fingerprint_of
from muggle_convert.errors import Refusal
from muggle_convert.identify.match import Match


def refuse_another_original(matched: Match, keeper: Match) -> None:
    """Compares fingerprints; the same weights in another layout have a different one, so nothing can be said about those."""
    document = matched.document
    if document is None or keeper.layout != document.layout:
        return
    expected = {document.source.get("trained_from"), document.source["fingerprint"]} - {None, ""}
    if (found := fingerprint_of(keeper.checkpoint)) not in expected:
        raise Refusal(
            f"{printable(keeper.checkpoint.name)} is not the checkpoint that {printable(matched.checkpoint.name)} was made from, "
            f"{printable(document.source['file'])} (its fingerprint is {found[:16]}, not {' or '.join(one[:16] for one in expected)}); "
            "pass that one, or --fill-unused instead to write zeros."
        )
