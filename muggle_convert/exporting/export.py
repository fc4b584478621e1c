"""From a checkpoint, converted or not, to a file in the original layout or a folder that transformers loads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import Limits, printable
from muggle_convert.checkpoints.brief import Brief
from muggle_convert.errors import Refusal
from muggle_convert.exporting.exported_tensor import ExportedTensor
from muggle_convert.exporting.file_formats import FileOut, text_file, torch_file, write_files
from muggle_convert.exporting.preprocessor import preprocessor_config
from muggle_convert.exporting.restore import Restored, refuse_too_much, restore
from muggle_convert.exporting.same_original import refuse_another_original
from muggle_convert.exporting.shards import safetensors_files
from muggle_convert.families import FAMILIES
from muggle_convert.files.target import check_not_source, check_target
from muggle_convert.identify.dropped import check_dropped
from muggle_convert.identify.graphs import refuse_graph
from muggle_convert.identify.kept import model_tensors
from muggle_convert.identify.match import Match
from muggle_convert.identify.read import ReadOptions, open_anywhere, read
from muggle_convert.identify.reading_like import read_like
from muggle_convert.rules import Packing, RuleSet

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")


@dataclass(frozen=True, repr=False)
class Exported(Brief):
    """What was written, and in which layout."""

    layout: str
    files: tuple[Path, ...]
    restored: Restored

    def told(self) -> Mapping[str, object]:
        return {"wrote": ", ".join(map(str, self.files)), "layout": self.layout, "tensors": f"{len(self.restored.contents):,}"}


def export(
    source: str | Path,
    target: str | Path,
    to: str = "original",
    *,
    backbone_out: str | Path | None = None,
    keeper: str | Path | None = None,
    fill_unused: bool = False,
    max_shard_size: int | None = None,
    backbone: str | Path | None = None,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    state: str | None = None,
    drops: Sequence[str] = (),
    revision: str | None = None,
    filename: str | None = None,
    sync: bool = True,
    force: bool = False,
    limits: Limits = Limits(),
) -> Exported:
    """Write `source` as the original code reads it (`to="original"`, a file) or as transformers does (`to="transformers"`, a folder).

        export("hybrid.safetensors", "back.pth", keeper="dpt_hybrid-midas-501f0c75.pt")
        export("hybrid.safetensors", "hybrid-hf", to="transformers")
        export("depth.safetensors", "dinov2_vits14_nyu_dpt_head.pth", backbone_out="dinov2_vits14_pretrain.pth")

    Where the original keeps the backbone in a file of its own, `backbone_out` says where to write that.
    Tensors that the network never reads come from the converted file if it kept them, otherwise from `keeper`, another checkpoint;
    otherwise they are zeros, which the original layout gets only with `fill_unused`. The other keywords are those of `convert`; with a
    `keeper`, `state` and `backbone` apply to that, as a converted file holds only one state and all of a model.
    """
    target, backbone_out = Path(target), Path(backbone_out) if backbone_out is not None else None
    original = ReadOptions(state=state, backbone=backbone)  # which is the source itself where no other helps
    of_source = original if keeper is None else ReadOptions()
    matched = read(
        source,
        replace(of_source, family=family, overrides=overrides, drops=tuple(drops), revision=revision, filename=filename, limits=limits),
    )
    refuse_graph(matched.checkpoint)
    check_dropped(matched)
    layout, rules = layout_for(matched, to)
    keepers = [read_like(matched, open_anywhere(keeper, original))] if keeper is not None else []
    for one in keepers:
        refuse_another_original(matched, one)
    restored = restore(matched, layout, rules, keepers, fill=fill_unused or to == "transformers")
    refuse_too_much(restored, [one.checkpoint for one in (matched, *keepers)], limits)
    if to == "transformers":
        _refuse_backbone_out(backbone_out, "transformers has one folder for all of a model")
        files = _folder(matched, target, restored, max_shard_size)
    else:
        files = _files(target, backbone_out, restored, rules.packing, max_shard_size)
    for path in files:
        for match in (matched, *keepers):
            check_not_source(match.checkpoint, path)
    with _made(target) if to == "transformers" else nullcontext():
        for path in files:
            check_target(path, force)
        write_files(files, force=force, sync=sync)
    return Exported(layout, tuple(files), restored)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder for the files written inside the block, and remove it again if that fails."""
    if folder.is_dir():
        yield
        return
    check_target(folder, force=False)
    if folder.suffix in (*TORCH_SUFFIXES, ".safetensors"):
        raise Refusal(
            f"transformers loads a folder, but {printable(folder)} is named like a file; name a folder, such as {printable(folder.stem)}."
        )
    folder.mkdir()
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it may hold files that have their names already
            folder.rmdir()
        raise


def layout_for(matched: Match, to: str) -> tuple[str, RuleSet]:
    """The layout that has a place for every tensor; among several, the one that the model came in."""
    if to not in ("original", "transformers"):
        raise Refusal(f"there is no layout {to!r} to export to; choose original or transformers.")
    family = matched.family
    if to == "transformers" and family.transformers is None:
        known = ", ".join(one.name for one in FAMILIES if one.transformers)
        raise Refusal(f"transformers has no model for {family.name}; it has {known}. Export with --to original instead.")
    layouts = dict(family.transformers.layouts if to == "transformers" and family.transformers else family.layouts)
    if to == "original":
        origin = matched.document.layout if matched.document else matched.layout
        layouts = {**({origin: layouts[origin]} if origin in layouts else {}), **layouts}
    homeless: dict[str, list[str]] = {}
    names = list(model_tensors(matched))
    for layout, rules in layouts.items():
        homeless[layout] = [name for name in names if rules.of_canonical(name) is None]
        if not homeless[layout]:
            return layout, rules
    nearest = min(homeless, key=lambda layout: len(homeless[layout]))
    raise Refusal(
        f"{printable(matched.checkpoint.name)} has {homeless[nearest][0]}, for which the {nearest} layout of {family.name} has no place."
    )


def _files(
    target: Path, backbone_out: Path | None, restored: Restored, packing: Packing, max_shard_size: int | None
) -> Mapping[Path, FileOut]:
    """One file, or two where the original keeps the backbone apart."""
    if not packing.backbone:
        _refuse_backbone_out(backbone_out, "the original has one file for all of this model")
        return _file(target, restored.contents, packing, max_shard_size)
    if backbone_out is None:
        raise Refusal(
            "the original keeps the backbone of this model in a file of its own: say where to write that with --backbone-out BACKBONE.pth "
            "(backbone_out= in Python)."
        )
    if backbone_out == target:
        raise Refusal(f"{printable(target)} cannot be both, the head and the backbone; name two files.")
    head = [content for content in restored.contents if not content.name.startswith(packing.backbone)]
    backbone = [content for content in restored.contents if content.name.startswith(packing.backbone)]
    bare = [replace(content, name=content.name.removeprefix(packing.backbone)) for content in backbone]
    return {**_file(target, head, packing, max_shard_size), **_file(backbone_out, bare, Packing(), max_shard_size)}


def _refuse_backbone_out(backbone_out: Path | None, why: str) -> None:
    if backbone_out is not None:
        raise Refusal(f"{why}, so that nothing is left for {printable(backbone_out)}; leave --backbone-out out.")


def _file(target: Path, contents: Sequence[ExportedTensor], packing: Packing, max_shard_size: int | None) -> Mapping[Path, FileOut]:
    contents = [replace(content, name=packing.prefix + content.name) for content in contents]
    if target.suffix == ".safetensors":
        return safetensors_files(target, contents, max_shard_size)
    if target.suffix not in TORCH_SUFFIXES:
        raise Refusal(
            f"{printable(target)} ends in neither .safetensors nor {', '.join(TORCH_SUFFIXES)}; use a suffix that other programs recognise."
        )
    if max_shard_size is not None:
        raise Refusal("only .safetensors files are split with --max-shard-size; a torch file is one file.")
    return {target: torch_file(contents, packing.wrap)}


def _folder(matched: Match, target: Path, restored: Restored, max_shard_size: int | None) -> Mapping[Path, FileOut]:
    files = {**transformers_json(matched, target), **safetensors_files(target / "model.safetensors", restored.contents, max_shard_size)}
    strangers = [path for path in sorted(target.glob("*")) if path.suffix in (".safetensors", ".bin", ".index.json") and path not in files]
    if strangers:
        raise Refusal(
            f"{printable(target)} holds {printable(strangers[0].name)}, which would lie beside the exported files; give a new folder."
        )
    return files


def transformers_json(matched: Match, folder: Path) -> dict[Path, FileOut]:
    """What a folder for transformers says of its model, and of how pictures become its inputs."""
    layouts, config = matched.family.transformers, matched.config
    assert layouts is not None
    return {
        folder / "config.json": _json(layouts.config(config, config.encoder)),
        folder / "preprocessor_config.json": _json(
            {**preprocessor_config(config, layouts.square(config, config.encoder) if layouts.square else None), **layouts.preprocessor}
        ),
    }


def _json(value: Mapping[str, Any]) -> FileOut:
    return text_file(json.dumps(value, indent=2, sort_keys=True).encode() + b"\n")
