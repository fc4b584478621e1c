"""Which pictures to predict, and which file each prediction goes to."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.target import check_folder_of
from muggle_convert.many.inputs import Found, pictures_in
from muggle_convert.outputs import FORMATS
from muggle_convert.predict import video
from muggle_convert.predict.prompts import SUFFIXES as PROMPTS

ABSENT = -1


@dataclass(frozen=True)
class Job:
    """One picture or video, and where its prediction goes. There may be millions, so they hold plain text."""

    __slots__ = ("before", "file", "picture", "prompt")  # without defaults, as Python 3.10 cannot have both

    picture: str
    file: str
    before: int  # the inode of what is there already, or ABSENT
    prompt: Path | None  # what the network is shown beside it

    @property
    def source(self) -> Path:
        return Path(self.picture)

    @property
    def target(self) -> Path:
        return Path(self.file)

    @property
    def is_there(self) -> bool:
        return self.before != ABSENT

    @property
    def is_video(self) -> bool:
        return _suffix(self.picture) in video.SUFFIXES


@dataclass(frozen=True)
class Events:
    """Called as the work progresses."""

    video: Callable[[int | None], None]  # a video begins, with this many frames
    frame: Callable[[], None]
    done: Callable[[Job, str | None], None]  # with what went wrong, if anything
    elsewhere: Callable[[Job], None] = lambda _: None  # another run has done it meanwhile
    waiting: Callable[[int], None] = lambda _: None  # for so many, which other runs are doing


@dataclass(frozen=True)
class Shard:
    """One of several parts of the same work. A picture's name alone says which it belongs to, so that nobody has to agree on a list."""

    number: int  # from 1
    count: int

    @classmethod
    def parsed(cls, text: str) -> Shard:
        numbers = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
            raise Refusal(f"--shard {text!r} is not NUMBER/COUNT, such as --shard 3/64 for the third of 64; the first is 1/64.")
        return cls(int(numbers[1]), int(numbers[2]))

    def of(self, jobs: Iterable[Job], out: str) -> list[Job]:
        return [job for job in jobs if self._holds(os.path.relpath(job.file, out) if job.file != out else out)]

    def _holds(self, name: str) -> bool:
        return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big") % self.count == self.number - 1


def plan_jobs(inputs: Iterable[str | Path], out: Path, suffix: str) -> list[Job]:
    """A job for every picture that is named or found in a folder. `out` is a file if it is named like one and there is one picture; otherwise it
    is a folder, in which the inputs' folders are mirrored."""
    named = list(map(str, inputs))
    found = pictures_in(named, str(out))
    if out.suffix and not out.is_dir():
        if out.suffix.lower() not in _SUFFIXES:
            raise Refusal(
                f"{printable(out)} ends in {printable(out.suffix)}, and files are written as {', '.join(_SUFFIXES)}; if it is meant as a "
                "folder, make it first."
            )
        if len(named) > 1 or len(found) > 1 or os.path.isdir(named[0]):
            raise Refusal(f"{printable(out)} is the name of one file, and there are {len(found)} pictures; name a folder to write to.")
        check_folder_of(out)
        if (_suffix(found[0].path) in video.SUFFIXES) != (out.suffix.lower() == ".mp4"):
            raise Refusal(
                f"{printable(os.path.basename(found[0].path))} cannot become {printable(out)}; a video becomes an .mp4, and nothing else does."
            )
        targets = [str(out)]
    else:
        targets = _in_folder(found, out, suffix)
    before = _before(targets)
    _refuse_own(found, targets, before)
    return [Job(picture.path, target, inode, None) for picture, target, inode in zip(found, targets, before, strict=True)]


def with_prompts(jobs: list[Job], prompt: Path) -> list[Job]:
    """The same jobs, each with what the network is shown beside its picture: one file for one picture, or from a folder those of the same names."""
    for job in jobs:
        if job.is_video:
            raise Refusal(f"{printable(job.source.name)} is a video, and a prompt belongs to one picture; leave --prompt or the video out.")
    if not prompt.is_dir():
        if len(jobs) > 1:
            raise Refusal(f"{printable(prompt)} is one prompt, and there are {len(jobs)} pictures; name a folder with one for each.")
        return [replace(jobs[0], prompt=prompt)]
    found = {path.stem: path for path in sorted(prompt.iterdir()) if path.suffix.lower() in PROMPTS}
    if lacking := [job.source for job in jobs if job.source.stem not in found]:
        raise Refusal(
            f"{printable(prompt)} holds no prompt for {printable(lacking[0].name)}, such as {printable(lacking[0].with_suffix('.npy').name)} in metres or "
            f"{printable(lacking[0].with_suffix('.png').name)} in millimetres."
        )
    return [replace(job, prompt=found[job.source.stem]) for job in jobs]


_SUFFIXES = (*dict.fromkeys(form.suffix for form in FORMATS.values()), ".mp4")


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _in_folder(found: Sequence[Found], out: Path, suffix: str) -> list[str]:
    """If two pictures differ only in their suffixes, the targets keep those."""
    if out.exists() and not out.is_dir():
        raise Refusal(f"{printable(out)} is a file, and there are {len(found)} pictures; name a folder to write to.")
    names = names_of([(picture.inside, ".mp4" if _suffix(picture.path) in video.SUFFIXES else suffix) for picture in found])
    folder = os.path.join(out, "")
    return [folder + name for name in names]


def names_of(found: Sequence[tuple[str, str]]) -> list[str]:
    """What the predictions of pictures with such paths below their folders are called, each with its own ending; no two have one name."""
    short = [os.path.splitext(inside)[0] + ending for inside, ending in found]
    counts = Counter(short)
    names = [name if counts[name] == 1 else inside + ending for name, (inside, ending) in zip(short, found, strict=True)]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise Refusal(f"two pictures would both be written to {printable(twice)}; write them to separate folders.")
    return names


def _before(targets: Iterable[str]) -> list[int]:
    """The inodes of the files that are there, from a listing of each folder."""
    folders: dict[str, _Listing] = {}
    found = []
    for target in targets:
        folder, _, name = target.rpartition(os.sep)
        folder = folder or os.path.dirname(target)  # which is the root where the name begins with it
        if folder not in folders:
            folders[folder] = _Listing(folder)
        found.append(folders[folder].inode(name))
    return found


class _Listing:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        try:
            with os.scandir(folder or os.curdir) as entries:
                self.entries = {entry.name: entry for entry in entries}
        except OSError:  # not there yet; or nothing can be written to it, which is said then
            self.entries = {}
        self.alike = set(map(_alike, self.entries))

    def inode(self, name: str) -> int:
        if name not in self.entries and _alike(name) not in self.alike:
            return ABSENT
        entry = self.entries.get(name)
        if entry is not None and not entry.is_symlink():
            return entry.inode()
        identity = _identity(os.path.join(self.folder, name))  # a link; or a name that differs, which some file systems do not mind
        return ABSENT if identity is None else identity[1]


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refuse_own(found: Sequence[Found], targets: Sequence[str], before: Sequence[int]) -> None:
    """Whatever links lead there. Where inodes differ, so do the files; where they agree, the files are looked at."""
    there: defaultdict[int, list[str]] = defaultdict(list)
    for target, inode in zip(targets, before, strict=True):
        if inode != ABSENT:
            there[inode].append(target)
    if not there:
        return
    for picture in found:
        inode = (_identity(picture.path) or (0, ABSENT))[1] if picture.inode is None else picture.inode
        for target in there.get(inode, ()):
            if (identity := _identity(target)) is not None and identity == _identity(picture.path):
                raise Refusal(f"{printable(target)} is one of the pictures themselves; write to another folder.")


def _identity(path: str) -> tuple[int, int] | None:
    """Of the file that is there, whatever links lead to it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
