"""Every tensor of a layout, from a match in any layout: the network's tensors go back by the inverse rules; dropped ones
are taken from where they were kept, recomputed, or filled with zeros."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from model_defs.config import DPTConfig
from muggle_convert.checkpoints import Checkpoint, DType, Limits, TensorEntry, printable
from muggle_convert.errors import Refusal
from muggle_convert.exporting.exported_tensor import ExportedTensor, computed, copied
from muggle_convert.identify.document import LeftOut
from muggle_convert.identify.dropped import refuse_another_size, remade
from muggle_convert.identify.kept import kept_tensors, model_tensors
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import Made, original_name
from muggle_convert.identify.translation_back import refuse_loss, translate_back
from muggle_convert.rules import Drop, Fate, RuleSet
from muggle_convert.rules.operations import Run


@dataclass(frozen=True)
class Restored:
    """What a file in some layout will hold, and what the user should know about it."""

    contents: tuple[ExportedTensor, ...]
    derived: tuple[str, ...]  # recomputed from the configuration
    zeros: tuple[str, ...]  # not kept anywhere
    gone: Mapping[str, str]  # reason by name, for tensors that the user left out


def restore(matched: Match, layout: str, rules: RuleSet, keepers: Iterable[Match], fill: bool) -> Restored:
    """`keepers` are further files that may hold tensors the network never reads; with `fill`, missing ones become zeros."""
    made = model_tensors(matched)
    back = translate_back(made, rules, layout)
    refuse_loss(back, layout)
    kept: dict[str, TensorEntry] = {}
    for keeper in (*keepers, matched):
        kept |= kept_tensors(keeper)
    contents = {name: copied(tensor) for name, tensor in back.made.items()}
    derived: list[str] = []
    zeros: list[str] = []
    gone: dict[str, str] = {}
    for name, left in _owed(matched, layout, rules).items():
        place = rules.of_original(name)
        if place is None or not isinstance(place.rule, Drop):
            gone[name] = left.reason
            continue
        drop, fields = place.rule, dict(place.fields)
        if (entry := kept.get(original_name(place, name))) is not None:
            contents[name] = copied(Made(name, entry.dtype, entry.shape, ((entry, Run(0, 0, entry.count)),)))
        elif drop.same_as is not None and (twin := contents.get(drop.same_as.write(fields) or "")) is not None:
            contents[name] = ExportedTensor(name, twin.dtype, twin.shape, twin.chunks, twin.storage)
        elif drop.fate is Fate.DERIVABLE:
            refuse_another_size(matched, drop, fields)
            contents[name] = _derived(name, drop, matched.config, fields, left.dtype)
            derived.append(name)
        else:
            contents[name] = copied(Made(name, left.dtype, left.shape, ((None, Run(None, 0, math.prod(left.shape))),)))
            zeros.append(name)
    if zeros and not fill:
        raise Refusal(
            f"{printable(matched.checkpoint.name)} was converted without the {len(zeros)} tensors that the network never reads, such as "
            f"{printable(zeros[0])}: pass --with ORIGINAL to take them from there, or --fill-unused to write zeros."
        )
    return Restored(tuple(contents.values()), tuple(derived), tuple(zeros), gone)


def refuse_too_much(restored: Restored, sources: Iterable[Checkpoint], limits: Limits) -> None:
    """Zeros and what is computed are as large as the file says, and a stranger may have written that file."""
    size = sum(content.size for content in restored.contents)
    most = min(limits.output_bytes, limits.inflation * sum(source.stored_size for source in sources) + limits.inflation_allowance)
    if size > most:
        largest = max(restored.contents, key=lambda content: content.size)
        raise Refusal(
            f"what is to be written would take {size:,} bytes ({printable(largest.name)} alone {largest.size:,}), more than the {most:,} that "
            "are allowed for such a source."
        )


def _owed(matched: Match, layout: str, rules: RuleSet) -> dict[str, LeftOut]:
    """What else belongs in a file of this layout: as in the source if that had the same layout, else as its model classes expect."""
    if matched.document is not None and matched.document.layout == layout:
        called = {
            original_name(place, name): name for name in rules.owned(matched.config) if (place := rules.of_original(name)) is not None
        }
        kept = {called.get(name, name): LeftOut("", entry.dtype, entry.shape) for name, entry in kept_tensors(matched).items()}
        return {**matched.document.dropped, **kept}
    if matched.layout == layout:
        tensors = matched.checkpoint.tensors
        return {name: LeftOut("", tensors[name].dtype, tensors[name].shape) for name in matched.translation.dropped}
    floating = next((made.dtype for made in model_tensors(matched).values() if made.dtype.is_floating), DType.F32)
    owned = rules.owned(matched.config)
    return {name: LeftOut("", DType.I64 if name.endswith("num_batches_tracked") else floating, shape) for name, shape in owned.items()}


def _derived(name: str, drop: Drop, config: DPTConfig, fields: Mapping[str, int], dtype: DType) -> ExportedTensor:
    """Tables of integers stay integers, whatever the type of the weights."""
    assert drop.derive is not None
    array = drop.derive(config, fields)
    if array.dtype.kind == "i" and dtype.is_floating:
        dtype = DType.I64
    return computed(name, dtype, array.shape, lambda: remade(drop, config, fields, dtype)[1])
