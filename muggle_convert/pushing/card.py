"""A model's page on the Hub: what it is, how to use it, what its numbers mean, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from model_defs.plain_values import leaves
from muggle_convert.checkpoints.safe_text import LONGEST_REASON, code, markdown
from muggle_convert.evaluation.results import Results
from muggle_convert.inspection import Inspection
from muggle_convert.outputs import kind_of, paragraph_about, sentence_about
from muggle_convert.pushing.evaluated import evaluation_table, model_index


@dataclass(frozen=True)
class Provenance:
    """What the card says and the file does not."""

    repository: str
    licence: str
    licence_from: str
    base_model: str | None
    sha256: str  # of model.safetensors


def card(inspection: Inspection, provenance: Provenance, evaluation: Results | None = None) -> str:
    """README.md, front matter included."""
    match = inspection.match
    name, exact = match.released
    title = provenance.repository.rpartition("/")[2]
    output, channels = match.config.output, match.config.head.channels
    parts = [
        _front_matter(inspection, provenance, model_index(title, evaluation) if evaluation else ""),
        f"# {title}\n",
        f"{match.family.title}{f' ({name})' if exact else ''}, converted with [muggle-convert]({HOME}). It predicts {sentence_about(output, channels)}.\n",
        "## Use\n",
        _usage(inspection, provenance.repository),
        "## What the numbers mean\n",
        paragraph_about(output, channels) + "\n",
        *(["## Evaluation\n", evaluation_table(evaluation)] if evaluation else []),
        "## Configuration\n",
        _configuration(inspection),
        "## Where it came from\n",
        _origin(inspection, provenance),
        "## Licence\n",
        _licence(provenance),
        "## Citation\n",
        "".join(f"```bibtex\n{citation}\n```\n\n" for citation in match.family.citations),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


HOME = "https://github.com/muggle-convert/muggle-convert"


def _front_matter(inspection: Inspection, provenance: Provenance, index: str) -> str:
    lines = {
        "library_name": "muggle-convert",
        "pipeline_tag": kind_of(inspection.match.config.output).pipeline,
        "license": provenance.licence,
        **({"base_model": provenance.base_model} if provenance.base_model else {}),
    }
    tags = [inspection.match.family.name.replace("_", "-"), "dpt", "safetensors"]
    listed = "".join(f"- {tag}\n" for tag in tags)
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()) + f"tags:\n{listed}{index}---\n"


def _usage(inspection: Inspection, repository: str) -> str:
    config = inspection.match.config
    return f'''```python
from muggle_convert import load_any_dpt  # pip install git+{HOME}

model = load_any_dpt("{repository}")
{kind_of(config.output).example}; the network sees it at {config.image.size} pixels
```
'''


def _configuration(inspection: Inspection) -> str:
    rows = []
    for path, value in leaves(inspection.match.config).items():
        if value is not None and path in inspection.match.evidence:
            shown = ", ".join(map(markdown, value)) if isinstance(value, tuple) else markdown(value)
            rows.append(f"| `{path}` | {shown} | {markdown(inspection.match.evidence[path], LONGEST_REASON)} |\n")
    return "| value | is | known from |\n|---|---|---|\n" + "".join(rows)


def _origin(inspection: Inspection, provenance: Provenance) -> str:
    source = inspection.source
    document = inspection.match.document
    rows = {
        "source file": f"{code(source['file'])}, {source['size']:,} bytes, {markdown(document.layout if document else inspection.match.layout)} layout",
        "then trained": markdown(source.get("training", "")),
        "fingerprint of the source": code(origin) if (origin := source.get("trained_from", source.get("fingerprint"))) else "",
        "SHA-256 of the source": code(source["sha256"]) if source.get("sha256") else "",
        "SHA-256 of `model.safetensors`": f"`{provenance.sha256}`",
        "converted by": ", ".join(
            f"{markdown(program)} {markdown(version)}" for program, version in (document.versions if document else {}).items()
        ),
        "parameters": f"{inspection.parameters:,} in {', '.join(inspection.dtypes)}",
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


def _licence(provenance: Provenance) -> str:
    terms = f"`{provenance.licence}`, known from {provenance.licence_from}."
    if "-nc" in provenance.licence:
        terms += " **These weights may not be used commercially.** Converting them does not change that."
    return terms + "\n"
