"""From a checkpoint to what it is: the family, the layout, the configuration, and the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model_defs.config import DPTConfig
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.document import KEY, Document, read_document
from muggle_convert.errors import Contradiction, Refusal
from muggle_convert.families import BY_NAME, FAMILIES
from muggle_convert.families.config_json import pictures_said_by, refuse_another_network
from muggle_convert.families.evidence import Evidence, Findings, Source
from muggle_convert.families.family import Family, Reading, nearest_released
from muggle_convert.families.settings import check_output
from muggle_convert.hub.known import published_name
from muggle_convert.rules import Drop, Rule, RuleSet, Shape
from muggle_convert.rules.templates import Template
from muggle_convert.translate import UNUSED, Translation, translate

CONVERTED = "converted"  # the layout of the files this program writes


@dataclass(frozen=True)
class Match:
    """What a checkpoint is, and how its tensors are called in the model."""

    checkpoint: Checkpoint
    family: Family[Any]
    layout: str
    config: DPTConfig
    evidence: Mapping[str, Evidence]
    translation: Translation
    document: Document | None = None  # what a converted file says of itself
    left_out: Mapping[str, str] = field(default_factory=dict)  # reason by name, for what the user asked to drop

    @property
    def released(self) -> tuple[str, bool]:
        """The published checkpoint of this configuration, or else the nearest one and False."""
        return nearest_released(self.family, self.config)


def match(
    checkpoint: Checkpoint,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    drops: tuple[str, ...] = (),
) -> Match:
    """What a checkpoint is; refused where it is unknown, ambiguous or contradicts itself."""
    if family is not None and family not in BY_NAME:
        raise Refusal(f"there is no family {family!r}; the families are {', '.join(BY_NAME)}.")
    left_out = {name: f"left out as asked ({template})" for template in drops for name in _asked_to_drop(checkpoint, template)}
    if KEY in checkpoint.metadata:
        return _match_converted(checkpoint, family, overrides or {}, left_out)
    names = [name for name in checkpoint.tensors if name not in left_out]
    candidates = [Candidate(known, layout, rules) for known in FAMILIES for layout, rules in known.every_layout.items()]
    candidates.sort(key=lambda one: (one.family.file_names.search(checkpoint.name) is None, one.family.name))  # the likeliest first
    fitting = [one for one in candidates if family in (None, one.family.name) and all(map(one.rules.of_original, names))]
    if not fitting or not names:
        raise _unknown(checkpoint, names, candidates, family)
    attempts = [_attempt(checkpoint, candidate, overrides or {}, left_out) for candidate in fitting]
    possible = [attempt for attempt in attempts if not isinstance(attempt.outcome, Contradiction)] or attempts[:1]
    if len({attempt.candidate.family.name for attempt in possible}) > 1:
        possible, told = _tell_apart(checkpoint, possible)
    else:
        told = Evidence(Source.FLAG, f"--family {family}") if family else _ruled_out(attempts, possible[0].candidate.family)
    outcome = possible[0].outcome
    if isinstance(outcome, Refusal):
        raise outcome
    return replace(outcome, evidence={**outcome.evidence, "family": told})


def _asked_to_drop(checkpoint: Checkpoint, text: str) -> list[str]:
    try:
        template = Template(text)
    except ValueError as problem:
        raise Refusal(f"--drop {printable(problem)}.") from None
    names = [name for name in checkpoint.tensors if template.match(name) is not None]
    if not names:
        raise Refusal(
            f"{printable(checkpoint.name)} holds no tensor that --drop {printable(text)!r} could mean; give a whole name, with {{n}} for numbers."
        )
    return names


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
    outcome: Match | Refusal


def _attempt(checkpoint: Checkpoint, candidate: Candidate, overrides: Mapping[str, Any], left_out: Mapping[str, str]) -> Attempt:
    try:
        translation = translate(checkpoint, candidate.rules, left_out)
        reading = _reading(checkpoint, candidate.family, translation, overrides, candidate.rules)
        findings = Findings()
        config = candidate.family.configure(reading, findings)
        if candidate.family.transformers and candidate.layout in candidate.family.transformers.layouts:
            refuse_another_network(checkpoint.sidecar, reading.file)
        config = replace(config, image=pictures_said_by(checkpoint.preprocessor, config.image, findings))
        findings.note("encoder.kind", config.encoder.kind, Source.SHAPE, f"the names of its tensors, in the {candidate.layout} layout")
        _account(reading, candidate.family.inventory(config))
        config = _apply(candidate.family, config, overrides, findings)
        return Attempt(
            candidate, Match(checkpoint, candidate.family, candidate.layout, config, findings.evidence, translation, left_out=left_out)
        )
    except Refusal as refusal:
        return Attempt(candidate, refusal)


def _account(reading: Reading, inventory: Mapping[str, Shape]) -> None:
    """Hold what the checkpoint makes against what a network of its configuration holds."""
    if missing := [name for name in inventory if name not in reading.shapes]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Contradiction(
            f"{reading.file} looks like {reading.family} but lacks {reading.called(missing[0])}{more}; the file is incomplete."
        )
    for name, shape in reading.shapes.items():
        if name not in inventory:
            raise Contradiction(
                f"{reading.file} looks like {reading.family} but also holds {reading.describe(name)}, which such a network does not have."
            )
        if inventory[name] != shape:
            raise Contradiction(
                f"{reading.file} looks like {reading.family} but {reading.describe(name)} where {list(inventory[name])} was expected."
            )


def _match_converted(checkpoint: Checkpoint, family: str | None, overrides: Mapping[str, Any], left_out: Mapping[str, str]) -> Match:
    document = read_document(checkpoint.metadata[KEY], printable(checkpoint.name))
    found = BY_NAME.get(document.config.family)
    if found is None:
        raise Refusal(f"{printable(checkpoint.name)} holds a {document.config.family!r}; this version knows {', '.join(BY_NAME)}.")
    if family not in (None, found.name):
        raise Refusal(
            f"{printable(checkpoint.name)} was converted as {found.name}, not as {family}; convert the original again to change that."
        )
    findings = Findings(document.evidence)
    translation = translate(checkpoint, None, left_out)
    shown = {name: made for name, made in translation.made.items() if not name.startswith(UNUSED)}
    shown |= {alias: shown[owner] for alias, owner in document.aliases.items() if owner in shown}
    _account(_reading(checkpoint, found, Translation(shown, {}), overrides, None), _described(found, document.config, checkpoint))
    config = _apply(found, document.config, overrides, findings)
    return Match(checkpoint, found, CONVERTED, config, findings.evidence, translation, document, left_out)


def _described(family: Family[Any], config: DPTConfig, checkpoint: Checkpoint) -> Mapping[str, Shape]:
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
    except (ArithmeticError, LookupError, ValueError):  # numbers that divide nothing, and lists of other lengths than the ones beside them
        raise refusal from None


def _apply(family: Family[Any], config: DPTConfig, overrides: Mapping[str, Any], findings: Findings) -> DPTConfig:
    """What flags change, on top of what was read."""
    for key, value in overrides.items():
        if key not in family.settings:
            known = ", ".join(f"{name} ({setting.meaning})" for name, setting in family.settings.items()) or "none"
            raise Refusal(f"{family.name} has no setting {key!r}; its settings: {known}.")
        setting = family.settings[key]
        before, config = leaves(config), setting.apply(config, setting.parse(value))
        for path, now in leaves(config).items():
            if path not in before or before[path] != now or path not in findings.evidence:
                findings.because(Evidence(Source.FLAG, f"{key}={value}"), path)
    check_output(config.output)
    return config


def _reading(
    checkpoint: Checkpoint, family: Family[Any], translation: Translation, overrides: Mapping[str, Any], rules: RuleSet | None
) -> Reading:
    """With no rules the names of the checkpoint are the model's."""
    return Reading(
        family=family.name,
        checkpoint=checkpoint,
        shapes={name: made.shape for name, made in translation.made.items()},
        origins={name: made.origins for name, made in translation.made.items()},
        dropped={name: (place.rule, dict(place.fields)) for name, place in translation.dropped.items() if isinstance(place.rule, Drop)},
        overrides=overrides,
        called=lambda name: _called(rules, name),
    )


def _called(rules: RuleSet | None, name: str) -> str:
    """What a layout calls a tensor of the model; its name in the model where the layout has no place for it."""
    place = rules.of_canonical(name) if rules else None
    names = place.siblings(place.rule.original) if place and isinstance(place.rule, Rule) else []
    return " + ".join(printable(original) for original in names if original is not None) or name


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
        f"tells which it is: pass {' or '.join(f'--family {name}' for name in names)}."
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
    unknown = {(one.family.name, one.layout): [name for name in names if not one.rules.of_original(name)] for one in candidates}
    nearest, layout = min(unknown, key=lambda known: (len(unknown[known]), known[0] != wanted))
    what = f"is not a {wanted}" if wanted else "is of no family this version knows"
    found = f"{printable(checkpoint.name)} {what}: the nearest is {nearest} ({layout} layout), which knows "
    left = unknown[nearest, layout]
    if not left:
        return Refusal(f"{found}all of its {len(names)} tensors; leave --family out.")
    advice = "convert a checkpoint of one of the supported families"
    if len(left) < len(names) / 2:
        other = f" and without --family {wanted}" if wanted not in (None, nearest) else ""
        advice = f"if what does not fit can go, leave it out with --drop '{printable(left[0])}'{other}"
    return Refusal(
        f"{found}{len(names) - len(left)} of its {len(names)} tensors, the first unknown one being {printable(left[0])}; {advice}."
    )
