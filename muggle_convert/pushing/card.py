"""The page of a model on the Hub: what it is, where it came from, how to use it, what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass

from model_defs.plain_values import leaves
from muggle_convert.evaluation.results import Results
from muggle_convert.inspection import Inspection
from muggle_convert.outputs import meaning
from muggle_convert.pushing.evaluated import evaluation_table, model_index

PIPELINES = {"classes": "image-segmentation", "points": "image-to-3d"}  # the rest is depth estimation


@dataclass(frozen=True)
class Provenance:
    """What the card says that the file alone does not."""

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
    predicts = meaning(match.config.output, match.config.head.channels)
    parts = [
        _front_matter(inspection, provenance, model_index(title, evaluation) if evaluation else ""),
        f"# {title}\n",
        f"{match.family.title}{f' ({name})' if exact else ''}, converted with [muggle-convert]({HOME}). It predicts {predicts}.\n",
        "## Use\n",
        _usage(inspection, provenance.repository),
        "## What the numbers mean\n",
        _numbers(inspection),
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
    output = inspection.match.config.output
    lines = {
        "library_name": "muggle-convert",
        "pipeline_tag": PIPELINES.get(output.kind, "depth-estimation"),
        "license": provenance.licence,
        **({"base_model": provenance.base_model} if provenance.base_model else {}),
    }
    tags = [inspection.match.family.name.replace("_", "-"), "dpt", "safetensors"]
    listed = "".join(f"- {tag}\n" for tag in tags)
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()) + f"tags:\n{listed}{index}---\n"


def _usage(inspection: Inspection, repository: str) -> str:
    kind = inspection.match.config.output.kind
    what, pictures = {"classes": ("classes", '"photo.jpg"'), "points": ("first, second", '"left.jpg", "right.jpg"')}.get(
        kind, ("depth", '"photo.jpg"')
    )
    size = inspection.match.config.image.size
    return f'''```python
from muggle_convert import load_any_dpt  # pip install git+{HOME}

model = load_any_dpt("{repository}")
{what} = model.predict({pictures})  # {"points, colours and confidences of each view" if kind == "points" else "of the picture's own size"}; the network sees it at {size} pixels
```
'''


def _numbers(inspection: Inspection) -> str:
    output = inspection.match.config.output
    if output.kind == "relative inverse depth":
        return (
            "Relative inverse depth: larger is nearer. There is no unit; for each picture, an unknown scale and an unknown shift lie between "
            "these numbers and one over metres. With two known distances in the picture, `model.to_metres` finds both.\n"
        )
    if output.kind == "metric depth":
        most = f", from 0 to {output.max_depth:g}" if output.max_depth else ""
        return f"Depth in metres{most}, as trained; how well it holds depends on how much your camera and scenes are like those of the training.\n"
    if output.kind == "classes":
        return f"Scores of {inspection.match.config.head.channels} classes for each pixel; the largest one is the prediction.\n"
    if output.kind == "points":
        return (
            "A point in space for each pixel of both views, in the frame of the first view's camera and without a unit, and a confidence from 1 "
            "upwards.\n"
        )
    return f"{inspection.match.config.head.channels} channels for each pixel, as the fine-tune was trained to give.\n"


def _configuration(inspection: Inspection) -> str:
    rows = []
    for path, value in leaves(inspection.match.config).items():
        if value is not None and path in inspection.match.evidence:
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            rows.append(f"| `{path}` | {shown} | {_cell(str(inspection.match.evidence[path]))} |\n")
    return "| value | is | known from |\n|---|---|---|\n" + "".join(rows)


def _origin(inspection: Inspection, provenance: Provenance) -> str:
    source = inspection.source
    document = inspection.match.document
    rows = {
        "source file": f"`{_cell(str(source['file']))}`, {source['size']:,} bytes, {document.layout if document else inspection.match.layout} layout",
        "then trained": _cell(source.get("training", "")),
        "fingerprint of the source": f"`{origin}`" if (origin := source.get("trained_from", source.get("fingerprint"))) else "",
        "SHA-256 of the source": f"`{source['sha256']}`" if source.get("sha256") else "",
        "SHA-256 of `model.safetensors`": f"`{provenance.sha256}`",
        "converted by": ", ".join(f"{program} {version}" for program, version in (document.versions if document else {}).items()),
        "parameters": f"{inspection.parameters:,} in {', '.join(inspection.dtypes)}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items() if value)
    if source.get("training"):
        return f"| | |\n|---|---|\n{table}\nThe source was converted and then trained further, so that these weights are no longer those of the source.\n"
    return (
        f"| | |\n|---|---|\n{table}\n"
        "Every tensor of the source was accounted for before a byte was written: renamed, split or joined by rules that have an inverse, or left "
        "out with a reason. Checksums were verified while it was copied. Whoever holds the source can check every tensor, bit for bit:\n\n"
        "```\nmuggle-convert verify SOURCE model.safetensors\n```\n"
    )


def _licence(provenance: Provenance) -> str:
    terms = f"`{provenance.licence}`, known from {provenance.licence_from}."
    if "-nc" in provenance.licence:
        terms += " **These weights may not be used commercially.** Converting them changes nothing about that."
    return terms + "\n"


def _cell(text: str) -> str:
    """A stranger's text inside a table: on one line, and without marks that would change the page."""
    plain = "".join(character if character.isprintable() and character not in "|<>`" else " " for character in text)
    return plain.replace("](", "] (")
