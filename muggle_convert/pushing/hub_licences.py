"""The licences that the Hub knows, by what its cards call them: https://huggingface.co/docs/hub/repositories-licenses"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from muggle_convert.checkpoints import printable, shown
from muggle_convert.errors import Refusal
from muggle_convert.hub.problems import hub_problems
from muggle_convert.identify.licences import Licence

MOST_BYTES = 1 << 20  # of a card
IDENTIFIERS = frozenset(
    [
        "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
        "bigcode-openrail-m", "openrail++", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
        "bsd-3-clause-clear", "c-uda", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "cc", "cc0-1.0",
        "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0",
        "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
        "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl",
        "lgpl-2.1", "lgpl-3.0", "lgpl-lr", "isc", "lppl-1.3c", "mpl-2.0", "ms-pl", "ncsa", "odc-by", "odbl", "ofl-1.1", "open-mdw",
        "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib", "apple-amlr", "apple-ascl", "deepfloyd-if-license",
        "fair-noncommercial-research-license", "gemma", "grok2-community", "h-research", "intel-research", "llama2", "llama3",
        "llama3.1", "llama3.2", "llama3.3", "llama4", "other",
    ]
)  # fmt: skip


def check_identifier(licence: Licence) -> None:
    """Refuse identifiers that the Hub does not know."""
    if licence.name in IDENTIFIERS:
        return
    near = get_close_matches(licence.name.lower().replace(" ", "-"), sorted(IDENTIFIERS), 1)
    meant = f"pass --license {near[0]} if you mean that" if near else "pass --license with one that it lists, such as apache-2.0"
    raise Refusal(
        f"the Hub knows no licence {printable(licence.name)!r} (known from {licence.said_by}); {meant}, or --license other for individual terms."
    )


def licence_of_card(repository: str, revision: str | None, token: str | None) -> str | None:
    """The licence in the README.md of a repository; None if there is none, or none that can be read."""
    from huggingface_hub import hf_hub_download, metadata_load
    from huggingface_hub.errors import EntryNotFoundError
    from yaml import YAMLError  # type: ignore[import-untyped]  # what the client reads cards with

    with hub_problems(repository, "read the card of"):
        try:
            card = hf_hub_download(repository, "README.md", revision=revision, token=token)
        except EntryNotFoundError:
            return None
    if Path(card).stat().st_size > MOST_BYTES:
        raise Refusal(f"the README.md of {repository} takes more than the {MOST_BYTES:,} bytes that are allowed; shorten it.")
    try:
        about = metadata_load(card)
    except (ValueError, YAMLError, RecursionError):
        return None
    said = about.get("license") if isinstance(about, dict) else None
    return None if said is None else shown(said)  # which may refer to itself
