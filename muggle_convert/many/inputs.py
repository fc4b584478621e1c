"""What is named on the command line, and the pictures it stands for: files, folders, quoted patterns, lists of names."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.predict import video
from muggle_convert.predict.photographs import SUFFIXES

ENDINGS = SUFFIXES | video.SUFFIXES


class Found(NamedTuple):
    """A picture or a video; or a folder that cannot be listed, or nothing at all, which fail later, when they are read."""

    path: str
    inside: str  # its path below the folder it was found in
    inode: int | None = None  # where a listing told it, for nothing


def pictures_in(given: Iterable[str], out: str) -> list[Found]:
    """Everything that is named or found, once, in the order of the names. What lies in the folder `out` inside a folder that is searched was
    written by an earlier run, and is left out."""
    given = list(given)
    if all(map(_is_plain, given)) and not any(map(os.path.exists, given)):  # one missing picture of several fails like a broken one
        raise Refusal(f"{printable(given[0])} does not exist.")
    there = _stat(out)
    found = {picture[:2]: picture for name in given for picture in _named(name, there)}
    if not found:
        raise Refusal(f"there is no picture in {', '.join(map(printable, given))}; pictures end in {', '.join(sorted(SUFFIXES))}.")
    return list(found.values())


def written_out(given: Iterable[str]) -> list[str]:
    """Lists and patterns as the names they stand for; folders stay as they are."""
    return [path for name in given for path in ([name] if _is_plain(name) else [picture.path for picture in _named(name, None)])]


def is_list(name: str) -> bool:
    return name.startswith("@") and not os.path.lexists(name)


def _is_plain(name: str) -> bool:
    return os.path.lexists(name) or not (is_list(name) or glob.has_magic(name))


def _named(name: str, out: os.stat_result | None) -> Iterator[Found]:
    if os.path.isdir(name):
        yield from _below(name, "", out)
    elif is_list(name):
        yield from _listed(name, out)
    elif glob.has_magic(name) and not os.path.lexists(name):
        yield from _matching(name)
    else:
        yield Found(name, os.path.basename(name))


def _listed(name: str, out: os.stat_result | None) -> Iterator[Found]:
    """The names keep their folders in the output, as two pictures of a list may have one name; so they do whatever else is in the list."""
    for line in _lines(name[1:]):
        if "://" in line:
            raise Refusal(f"{printable(name)} holds {printable(line)}, which is a URL, and those are for --ray; name files.")
        inside = os.path.normpath(line).lstrip(os.sep)
        while inside.startswith(os.pardir + os.sep):
            inside = inside[len(os.pardir + os.sep) :]
        if not _is_shown(line) and os.path.isdir(line):
            yield from _below(line, "" if inside in (os.curdir, os.pardir) else inside, out)
        else:
            yield Found(line, inside)


def _lines(name: str) -> Iterator[str]:
    try:
        if name == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                content = file.read()
    except OSError as problem:
        raise Refusal(
            f"@{printable(name)} is a list of pictures, one name a line, and {printable(name)} cannot be read ({problem.strerror})."
        ) from None
    between = b"\0" if b"\0" in content else b"\n"  # as find -print0 writes names that hold anything
    for line in content.removeprefix(b"\xef\xbb\xbf").split(between):
        if text := os.fsdecode(line.rstrip(b"\r\n")):
            yield text


def _matching(pattern: str) -> Iterator[Found]:
    """Below the part of a pattern that is no pattern, as if that folder had been named."""
    fixed = 0
    while not glob.has_magic(part := pattern[fixed:].partition(os.sep)[0]):
        fixed += len(part) + 1
    matching = sorted(filter(_is_shown, glob.iglob(pattern, recursive=True)), key=lambda path: path.split(os.sep))
    if not matching:
        raise Refusal(f"no picture is named like {printable(pattern)}; pictures end in {', '.join(sorted(SUFFIXES))}.")
    yield from (Found(path, path[fixed:]) for path in matching)


def _below(folder: str, inside: str, out: os.stat_result | None) -> Iterator[Found]:
    """By name, folder by folder. The listing says what is a folder and what a file; only where links lead is looked up."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        yield Found(folder, inside or os.path.basename(os.path.abspath(folder)))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            is_out = out is not None and entry.inode() == out.st_ino and os.path.samestat(out, os.stat(entry.path))
            if not is_out:
                yield from _below(entry.path, os.path.join(inside, entry.name), out)
        elif _is_shown(entry.name) and entry.is_file():
            inode = entry.stat().st_ino if entry.is_symlink() else entry.inode()  # is_file has looked already
            yield Found(entry.path, os.path.join(inside, entry.name), inode)


def _is_shown(name: str) -> bool:
    return name[name.rfind(".") :].lower() in ENDINGS


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
