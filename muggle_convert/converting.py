"""From a checkpoint to a converted file: read, plan, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Limits
from muggle_convert.files.target import check_not_source, check_safetensors_target
from muggle_convert.identify.assumptions import tell_assumptions
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.plan import Plan
from muggle_convert.writing.converted_file import Report, WriteOptions, settle, write


def convert(
    source: str | Path,
    target: str | Path,
    *,
    backbone: str | Path | None = None,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    state: str | None = None,
    drops: Sequence[str] = (),
    revision: str | None = None,
    filename: str | None = None,
    dtype: str | None = None,
    keep_unused: bool = False,
    licence: str | None = None,
    strict_finite: bool = False,
    sha256: bool = False,
    sync: bool = True,
    force: bool = False,
    limits: Limits = Limits(),
) -> Report:
    """Write a checkpoint of any known family as one safetensors file in the model's own names.

        report = convert("dpt_hybrid-midas-501f0c75.pt", "hybrid.safetensors")
        report.plan.counts()  # how many tensors were renamed, split or joined, dropped
        convert("dinov2_vits14_nyu_dpt_head.pth", "nyu.safetensors", backbone="dinov2_vits14_pretrain.pth")  # a model in two files

    Most keywords are options of the command line. `overrides` are the settings of `--set`, `drops` the templates of `--drop`; `revision` and
    `filename` select a file of a repository on the Hub; `sync=False` leaves it to the system when the file reaches the disk.
    """
    reading = ReadOptions(family, overrides, state, tuple(drops), revision, filename, limits, backbone)
    options = WriteOptions(dtype, keep_unused, licence, strict_finite, sha256, sync, force)
    target = Path(target)
    check_safetensors_target(target, options.force)
    matched = read(source, reading)
    check_not_source(matched.checkpoint, target)
    tell_assumptions(matched)
    return write(settle(matched, options), target, options)


def preview(source: str | Path, **options: Any) -> Plan:
    """The plan of a conversion, without writing anything; the keywords are those of `convert`."""
    reading = {field.name: options.pop(field.name) for field in fields(ReadOptions) if field.name in options}
    return settle(read(source, ReadOptions(**reading)), WriteOptions(**options))
