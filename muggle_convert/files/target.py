"""Whether a file may be written where somebody asked for it; found out before any work is done."""

from __future__ import annotations

import os
from pathlib import Path

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal


def check_target(path: Path, force: bool) -> None:
    """Refuse a target that cannot be written, or that exists and may not be replaced."""
    try:
        is_folder = path.is_dir()
    except OSError as problem:  # such as a name that is too long
        raise Refusal(f"cannot write {printable(path)}: {problem.strerror}.") from None
    if is_folder:
        raise Refusal(
            f"{printable(path)} is a folder; give the name of the file to write, such as {printable(path / 'model.safetensors')}."
        )
    if os.path.lexists(path) and not force:
        raise Refusal(f"{printable(path)} exists already; pass --force to replace it.")
    check_folder_of(path)


def check_safetensors_target(path: Path, force: bool) -> None:
    """The same for a converted file, which other programs recognise by its name."""
    if str(path) == "-":
        raise Refusal("a safetensors file is not written from beginning to end and so cannot go to standard output; name a file.")
    if path.suffix != ".safetensors":
        raise Refusal(
            f"{printable(path)} does not end in .safetensors, by which other programs recognise such files; "
            f"name it {printable(path.stem or 'model')}.safetensors."
        )
    check_target(path, force)


def check_folder_of(path: Path) -> None:
    """Refuse a file whose folder is missing: the path may be a typing mistake for one that exists."""
    if not path.parent.is_dir():
        raise Refusal(f"cannot write {printable(path)}: the folder {printable(path.parent)} does not exist; make it first.")


def check_not_source(checkpoint: Checkpoint, target: Path) -> None:
    """Refuse to write over a file of the checkpoint that is being read."""
    for file in checkpoint.files:
        if target.exists() and file.samefile(target):
            raise Refusal(f"{printable(target)} is the source itself; give another name to write to.")


def make_folder(path: Path) -> None:
    """Make a folder that was asked for, and those above it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Refusal(f"{printable(path)} cannot be a folder to write to ({problem.strerror}); name another.") from None
