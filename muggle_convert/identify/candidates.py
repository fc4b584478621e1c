"""Which family and layout a checkpoint is of: every one that knows its names is tried, and what tells them apart is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal
from muggle_convert.families import FAMILIES
from muggle_convert.families.shared.config_json import pictures_said_by, refuse_another_network
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Source
from muggle_convert.families.shared.family import Family
from muggle_convert.hub.zoo import published_name
from muggle_convert.identify.accounting import Description, account, apply_settings, reading_of
from muggle_convert.identify.bare import refusal_of_bare
from muggle_convert.identify.not_yet import refusal_by_name
from muggle_convert.identify.translation import translate
from muggle_convert.identify.unsupported import is_register
from muggle_convert.rules import RuleSet


@dataclass(frozen=True)
class Candidate:
    """A way to read a checkpoint."""

    family: Family[Any]
    layout: str
    rules: RuleSet


@dataclass(frozen=True)
class Attempt:
    """What came of reading a checkpoint that way."""

    candidate: Candidate
    outcome: Description | Refusal


def best_candidate(
    checkpoint: Checkpoint, family: str | None, overrides: Mapping[str, Any], left_out: Mapping[str, str]
) -> tuple[Candidate, Description]:
    """The one way to read a checkpoint that fits, of a family that was asked for or of any; refused where there is none, or no telling."""
    names = [name for name in checkpoint.tensors if name not in left_out]
    candidates = [Candidate(known, layout, rules) for known in FAMILIES for layout, rules in known.every_layout.items()]
    candidates.sort(key=lambda one: (one.family.file_names.search(checkpoint.name) is None, one.family.name))  # the likeliest first
    fitting = [one for one in candidates if family in (None, one.family.name) and all(map(one.rules.of_original, names))]
    if not fitting or not names:
        if family is not None and any(all(map(one.rules.of_original, names)) for one in candidates):
            try:  # what to do without the flag may be to give another one
                best_candidate(checkpoint, None, overrides, left_out)
            except Refusal as refusal:
                raise Refusal(f"{printable(checkpoint.name)} is not a {family}; {refusal}") from None
        raise _unknown(checkpoint, names, candidates, family)
    attempts = [_attempt(checkpoint, candidate, overrides, left_out) for candidate in fitting]
    possible = [attempt for attempt in attempts if not isinstance(attempt.outcome, Contradiction)] or attempts[:1]
    if len({attempt.candidate.family.name for attempt in possible}) > 1:
        possible, told = _tell_apart(checkpoint, possible)
    else:
        told = Evidence(Source.FLAG, f"--family {family}") if family else _ruled_out(attempts, possible[0].candidate.family)
    chosen, outcome = possible[0].candidate, possible[0].outcome
    if isinstance(outcome, Refusal):
        raise outcome
    return chosen, replace(outcome, evidence={**outcome.evidence, "family": told})


def _attempt(checkpoint: Checkpoint, candidate: Candidate, overrides: Mapping[str, Any], left_out: Mapping[str, str]) -> Attempt:
    family, layout = candidate.family, candidate.layout
    try:
        translation = translate(checkpoint, candidate.rules, left_out)
        reading = reading_of(checkpoint, family, translation, overrides, candidate.rules)
        config = family.configure(reading)
        if family.transformers and layout in family.transformers.layouts:
            refuse_another_network(checkpoint.sidecar, reading.file, family.transformers.fixed)
        config = replace(config, image=pictures_said_by(checkpoint.preprocessor, config.image, reading))
        reading.note("encoder.kind", config.encoder.kind, Source.SHAPE, f"the names of its tensors, in the {layout} layout")
        account(reading, config, family.inventory(config))
        config = apply_settings(family, config, overrides, reading)
        return Attempt(candidate, Description(config, reading.evidence, translation))
    except Refusal as refusal:
        return Attempt(candidate, refusal)


def _tell_apart(checkpoint: Checkpoint, attempts: list[Attempt]) -> tuple[list[Attempt], Evidence]:
    """Between families whose files look alike: what the file's own words say, in the order of trust."""
    clues = [(Source.METADATA, f"{key} in config.json", value) for key, value in checkpoint.sidecar.items()]
    known = published_name(checkpoint)
    clues += [(Source.KNOWN_FILE, known, known)] if known else []
    clues += [(Source.ARGUMENTS, f"{key}={value}", value) for key, value in checkpoint.arguments.items()]
    clues += [(Source.FILE_NAME, printable(checkpoint.name), checkpoint.name)]
    for source in (Source.METADATA, Source.KNOWN_FILE, Source.ARGUMENTS, Source.FILE_NAME):
        for kind, detail, text in clues:
            told = [
                attempt
                for attempt in attempts
                if kind is source and isinstance(text, str) and attempt.candidate.family.file_names.search(text)
            ]
            if len({attempt.candidate.family.name for attempt in told}) == 1:
                return told, Evidence(source, detail)
    names = sorted({attempt.candidate.family.name for attempt in attempts})
    raise Refusal(
        f"{printable(checkpoint.name)} fits {' and '.join(names)}, whose files look alike, and neither its name nor anything in it "
        f"tells which it is: pass {' or '.join(f'--family {name}' for name in names)} (family= in Python)."
    )


def _ruled_out(attempts: list[Attempt], family: Family[Any]) -> Evidence:
    """Why a checkpoint is of this family, where what contradicts itself is of no other that its names fit."""
    others = [attempt.outcome for attempt in attempts if attempt.candidate.family is not family]
    if not others:
        return Evidence(Source.SHAPE, "the names of its tensors")
    said = [outcome.because for outcome in others if isinstance(outcome, Contradiction) and outcome.because is not None]
    return said[0] if said else Evidence(Source.SHAPE, "the names and shapes of its tensors")


def _unknown(checkpoint: Checkpoint, names: list[str], candidates: list[Candidate], wanted: str | None) -> Refusal:
    if not names:
        return Refusal(f"{printable(checkpoint.name)} holds no tensors; a checkpoint with weights is needed.")
    if (bare := refusal_of_bare(checkpoint)) is not None:
        return bare
    if wanted is None and (named := refusal_by_name(checkpoint)) is not None:
        return named
    unknown = {(one.family.name, one.layout): [name for name in names if not one.rules.of_original(name)] for one in candidates}
    nearest, layout = min(unknown, key=lambda known: (len(unknown[known]), known[0] != wanted))
    what = f"is not a {wanted}" if wanted else "is of no family this version knows"
    found = f"{printable(checkpoint.name)} {what}: the nearest is {nearest} ({layout} layout), which knows "
    left = unknown[nearest, layout]
    if not left:
        return Refusal(f"{found}all of its {len(names)} tensors; leave --family out.")
    if (register := next(filter(is_register, left), None)) is not None:
        return Refusal(
            f"{printable(checkpoint.name)} has registers in its backbone ({printable(register)}), as dinov2_with_registers has, which no "
            "network here has in this place; transformers reads it if a config.json stands beside it."
        )
    advice = "convert a checkpoint of one of the supported families"
    if len(left) < len(names) / 2:
        other = f" and without --family {wanted}" if wanted not in (None, nearest) else ""
        advice = f"if what does not fit can go, leave it out with --drop '{printable(left[0])}'{other}"
    return Refusal(
        f"{found}{len(names) - len(left)} of its {len(names)} tensors, the first unknown one being {printable(left[0])}; {advice}."
    )
