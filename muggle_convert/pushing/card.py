"""A model's page on the Hub, in the order in which somebody reads who never heard of it: what it is, how to use it, what its numbers mean and what
they do not, how good they are, whose they are; how each value is known comes last, folded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from model_defs.plain_values import leaves
from muggle_convert.checkpoints.safe_text import LONGEST_REASON, markdown
from muggle_convert.evaluation.results import Results
from muggle_convert.inspection import Inspection
from muggle_convert.outputs import kind_of, limits_of, paragraph_about, sentence_about
from muggle_convert.pushing.evaluated import evaluation_table, model_index
from muggle_convert.pushing.origin import Provenance, licence, origin
from muggle_convert.pushing.usage import HOME, usage


def card(inspection: Inspection, provenance: Provenance, evaluation: Results | None = None) -> str:
    """README.md, front matter included."""
    match = inspection.match
    title = provenance.repository.rpartition("/")[2]
    output, channels = match.config.output, match.config.head.channels
    parts = [
        _front_matter(inspection, provenance, model_index(title, evaluation) if evaluation else ""),
        f"# {title}\n",
        _introduction(inspection, provenance),
        "## How to use it\n",
        usage(match, provenance.repository),
        "## What the numbers mean\n",
        paragraph_about(output, channels) + "\n",
        "## Limitations\n",
        _listed([*limits_of(output), *_of_its_input(inspection), *provenance.trained_on_words]),
        "## Numbers\n",
        evaluation_table(evaluation) if evaluation else _not_measured(match.family.citations, provenance.repository),
        "## Licence, and where it came from\n",
        licence(provenance),
        origin(inspection, provenance),
        "## Citation\n",
        "".join(f"```bibtex\n{citation}\n```\n\n" for citation in match.family.citations),
        _configuration(inspection),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _front_matter(inspection: Inspection, provenance: Provenance, index: str) -> str:
    kind = kind_of(inspection.match.config.output)
    lines = {
        "library_name": "muggle-convert",
        "pipeline_tag": kind.pipeline,
        "license": provenance.licence,
        **({"base_model": provenance.base_model} if provenance.base_model else {}),
        **({"base_model_relation": "finetune"} if provenance.base_model and inspection.source.get("training") else {}),
    }
    lists = {
        "datasets": provenance.trained_on,
        "tags": [inspection.match.family.name.replace("_", "-"), *kind.tags, "dpt", "safetensors"],
    }
    listed = "".join(f"{key}:\n" + "".join(f"- {_yaml(value)}\n" for value in values) for key, values in lists.items() if values)
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()) + f"{listed}{index}---\n"


def _yaml(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z][\w./-]*", value, re.ASCII) else json.dumps(value)  # JSON is YAML


def _introduction(inspection: Inspection, provenance: Provenance) -> str:
    match = inspection.match
    name, exact = match.released
    called = f"{match.family.title}{f' in the configuration of {name}' if exact else ''}"
    trained = ", trained further" if inspection.source.get("training") else ""
    text = (
        f"{called}{trained}: one safetensors file with readable names. It predicts {sentence_about(match.config.output, match.config.head.channels)}. "
        f"{_rounded(inspection.parameters)} parameters in {_types(inspection.dtypes)}; converted with [muggle-convert]({HOME}).\n"
    )
    if provenance.picture is None:
        return text
    return f"{text}\n![A picture, and beside it what this model predicts for it]({provenance.picture})\n\n*A picture, and what this very file predicts for it.*\n"


def _rounded(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} million" if parameters >= 1e6 else f"{parameters:,}"


def _types(dtypes: Sequence[str] | dict[str, int]) -> str:
    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
    return " and ".join(names.get(dtype, dtype) for dtype in dtypes)


def _of_its_input(inspection: Inspection) -> list[str]:
    size = inspection.match.config.image.size
    return [
        f"The network sees a picture at about {size} pixels, whatever its own size; what is finer than that is not in the prediction. `size=` asks "
        "for more, which costs time and is further from what it was trained on."
    ]


def _not_measured(citations: Sequence[str], repository: str) -> str:
    paper = " What the authors of the network measured, of their own weights, is in the paper below." if citations else ""
    return (
        f"Nothing was measured for this page.{paper} On your own pictures and distances:\n\n"
        "```\nmuggle-convert eval {repository} --images DIR --truth DIR\n```\n"
    )


def _listed(sentences: Sequence[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _configuration(inspection: Inspection) -> str:
    rows = []
    for path, value in leaves(inspection.match.config).items():
        if value is not None and path in inspection.match.evidence:
            shown = ", ".join(map(markdown, value)) if isinstance(value, tuple) else markdown(value)
            rows.append(f"| `{path}` | {shown} | {markdown(_known(str(inspection.match.evidence[path])), LONGEST_REASON)} |\n")
    head = "| value | is | known from |\n|---|---|---|\n"
    return f"<details>\n<summary>Configuration: {len(rows)} values, and how each is known</summary>\n\n{head}{''.join(rows)}\n</details>\n"


def _known(evidence: str) -> str:
    """Without the advice that whoever converts gets: which option would have said it."""
    return re.sub(r"; --set .*", "", evidence, flags=re.DOTALL)
