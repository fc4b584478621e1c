"""Two files that make one model: a head, and the backbone it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint, TensorEntry, printable
from muggle_convert.errors import Refusal
from muggle_convert.families import FAMILIES
from muggle_convert.identify.document import KEY
from muggle_convert.rules import RuleSet


def with_backbone(head: Checkpoint, backbone: Checkpoint) -> Checkpoint:
    """One checkpoint of both, called like the head, whose layout puts a prefix before the backbone's names."""
    file, other = printable(head.name), printable(backbone.name)
    if KEY in head.metadata:
        raise Refusal(f"{file} is converted and holds its backbone; leave --backbone out.")
    for rules in _in_two_files():
        prefix = rules.packing.backbone
        if not any(rules.of_original(name) for name in head.tensors):
            if all(rules.of_original(prefix + name) for name in head.tensors):
                raise Refusal(f"{file} is a backbone, not a head; give the head first and the backbone with --backbone.")
            continue
        if any(name.startswith(prefix) for name in head.tensors):
            raise Refusal(f"{file} holds a backbone of its own; leave --backbone out.")
        if not any(rules.of_original(prefix + name) for name in backbone.tensors):
            raise Refusal(f"{other} is not a backbone for {file}; it holds {printable(next(iter(backbone.tensors)))}, which none does.")
        return _joined(head, backbone, prefix)
    raise Refusal(f"{file} is not a head that lacks its backbone; leave --backbone out.")


def refuse_half(checkpoint: Checkpoint, rules: RuleSet) -> None:
    """Refuse one of two files where a whole model is needed that is known to be in both."""
    prefix = rules.packing.backbone
    if prefix and not any(name.startswith(prefix) for name in checkpoint.tensors):
        raise Refusal(f"{printable(checkpoint.name)} is a head without its backbone; give that too, with --backbone FILE.")


def _joined(head: Checkpoint, backbone: Checkpoint, prefix: str) -> Checkpoint:
    tensors: Mapping[str, TensorEntry] = {
        **{prefix + name: replace(entry, name=prefix + name) for name, entry in backbone.tensors.items()},
        **head.tensors,
    }
    return replace(
        head,
        tensors=tensors,
        left_out={**{prefix + name: reason for name, reason in backbone.left_out.items()}, **head.left_out},
        unwrapped=(*head.unwrapped, f"joined with the backbone {printable(backbone.name)}", *backbone.unwrapped),
        ignored=(*head.ignored, *backbone.ignored),
        warnings=(*head.warnings, *backbone.warnings),
    )


def _in_two_files() -> Iterator[RuleSet]:
    return (rules for family in FAMILIES for rules in family.layouts.values() if rules.packing.backbone)
