"""Holding a configuration against the tensors of a checkpoint and against flags, whichever way it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_defs.config import DPTConfig
from model_defs.plain_values import leaves
from muggle_convert.checkpoints import Checkpoint, printable, shown
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Contradiction, Evidence, Findings, Source
from muggle_convert.families.shared.family import Family
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import check_output
from muggle_convert.hub.zoo import published_name
from muggle_convert.identify.translation import Translation
from muggle_convert.rules import Drop, Rule, RuleSet, Shape
from muggle_convert.rules.sizes import names_in


@dataclass(frozen=True)
class Description:
    """What a checkpoint turned out to hold."""

    config: DPTConfig
    evidence: Mapping[str, Evidence]
    translation: Translation


def reading_of(
    checkpoint: Checkpoint, family: Family[Any], translation: Translation, overrides: Mapping[str, Any], rules: RuleSet | None
) -> Reading:
    """With no rules the names of the checkpoint are the model's."""
    return Reading(
        family=family.name,
        table=family.table,
        published=published_name(checkpoint),
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


def account(reading: Reading, config: DPTConfig, inventory: Mapping[str, Shape]) -> None:
    """Hold what the checkpoint makes against what a network of its configuration holds."""
    if missing := [name for name in inventory if name not in reading.shapes]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Contradiction(f"{reading.looks} but lacks {reading.called(missing[0])}{more}; the file is incomplete.")
    for name, shape in reading.shapes.items():
        if name not in inventory:
            raise Contradiction(f"{reading.looks} but also holds {reading.describe(name)}, which such a network does not have.")
        if inventory[name] != shape:
            why = _why(reading, config, name, inventory[name])
            raise Contradiction(f"{reading.looks} but {reading.describe(name)} where {list(inventory[name])} was expected{why}.")


def _why(reading: Reading, config: DPTConfig, name: str, expected: Shape) -> str:
    """Which values the expected shape follows from, and which tensors tell those."""
    sizes, shape, values = reading.table.sizes_of(name), reading.shapes[name], leaves(config)
    wrong = [size for size, number, wanted in zip(sizes, shape, expected, strict=False) if number != wanted]
    paths = dict.fromkeys(path for size in wrong for path in names_in(size) if path in reading.evidence)
    said = [f"{path.rpartition('.')[2]} is {shown(values.get(path))} ({reading.evidence[path].detail})" for path in paths]
    return f": {' and '.join(said)}" if said else ""


def apply_settings(family: Family[Any], config: DPTConfig, overrides: Mapping[str, Any], findings: Findings) -> DPTConfig:
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
