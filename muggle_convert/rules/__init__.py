"""The language of renaming: templates, operations, rules with sizes, tables and their inverses."""

from muggle_convert.rules.layers import batch_norm, convolution, linear, norm, normalized_convolution, tensor, unread
from muggle_convert.rules.operations import Flatten, Shape
from muggle_convert.rules.rows import Row, Rows, beside, each, given, optional, under, where
from muggle_convert.rules.rule import Drop, Fate, Rule, RuleError, derivable, duplicate, not_run, rename, split, stack, unused
from muggle_convert.rules.ruleset import Packing, RuleSet
from muggle_convert.rules.sizes import Through
from muggle_convert.rules.table import Measured, Misfit, Missing, Table

__all__ = [
    "Drop",
    "Fate",
    "Flatten",
    "Measured",
    "Misfit",
    "Missing",
    "Packing",
    "Row",
    "Rows",
    "Rule",
    "RuleError",
    "RuleSet",
    "Shape",
    "Table",
    "Through",
    "batch_norm",
    "beside",
    "convolution",
    "derivable",
    "duplicate",
    "each",
    "given",
    "linear",
    "norm",
    "normalized_convolution",
    "not_run",
    "optional",
    "rename",
    "split",
    "stack",
    "tensor",
    "under",
    "unread",
    "unused",
    "where",
]
