"""Whose a model is and what it was made from, on its card."""

from __future__ import annotations

from dataclasses import dataclass

from muggle_convert.checkpoints.safe_text import code, markdown
from muggle_convert.inspection import Inspection


@dataclass(frozen=True)
class Provenance:
    """What the card says and the file does not."""

    repository: str
    licence: str
    licence_from: str
    base_model: str | None
    sha256: str  # of model.safetensors
    trained_on: tuple[str, ...] = ()  # data sets, as the Hub or whoever pushed it calls them
    picture: str | None = None  # a file beside the card

    @property
    def trained_on_words(self) -> list[str]:
        if not self.trained_on:
            return []
        return [f"It was trained on {', '.join(map(markdown, self.trained_on))}; on what looks otherwise it knows less."]


def licence(provenance: Provenance) -> str:
    terms = f"`{provenance.licence}`, according to {provenance.licence_from}."
    if "-nc" in provenance.licence:
        terms += " **These weights may not be used commercially.** Converting them does not change that."
    return terms + "\n"


def origin(inspection: Inspection, provenance: Provenance) -> str:
    source = inspection.source
    document = inspection.match.document
    rows = {
        "made from": f"[{provenance.base_model}](https://huggingface.co/{provenance.base_model})" if provenance.base_model else "",
        "source file": f"{code(source['file'])}, {source['size']:,} bytes, {markdown(document.layout if document else inspection.match.layout)} layout",
        "then trained": markdown(source.get("training", "")),
        "fingerprint of the source": code(trained_from) if (trained_from := source.get("trained_from", source.get("fingerprint"))) else "",
        "SHA-256 of the source": code(source["sha256"]) if source.get("sha256") else "",
        "SHA-256 of `model.safetensors`": f"`{provenance.sha256}`",
        "converted by": ", ".join(
            f"{markdown(program)} {markdown(version)}" for program, version in (document.versions if document else {}).items()
        ),
        "parameters": f"{inspection.parameters:,}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items() if value)
    if source.get("training"):
        return f"| | |\n|---|---|\n{table}\nThe source was converted and then trained further, so these weights are no longer those of the source.\n"
    return (
        f"| | |\n|---|---|\n{table}\n"
        "Every tensor of the source was accounted for before a byte was written: renamed, split or joined by reversible rules, or left "
        "out for a stated reason. Checksums were verified while copying. Anyone with the source can check every tensor, bit for bit:\n\n"
        "```\nmuggle-convert verify SOURCE model.safetensors\n```\n"
    )
