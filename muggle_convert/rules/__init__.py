"""The language of renaming: templates, operations, rule sets and their inverses."""

from muggle_convert.rules.operations import Flatten, Shape
from muggle_convert.rules.ruleset import Drop, Fate, Rule, RuleError, RuleSet, derivable, duplicate, rename, split, stack, unused

__all__ = [
    "Drop",
    "Fate",
    "Flatten",
    "Rule",
    "RuleError",
    "RuleSet",
    "Shape",
    "derivable",
    "duplicate",
    "rename",
    "split",
    "stack",
    "unused",
]
