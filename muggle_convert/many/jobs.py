"""Which pictures to predict, and which file each prediction goes to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.target import check_folder_of
from muggle_convert.outputs import FORMATS
from muggle_convert.predict import video
from muggle_convert.predict.photographs import SUFFIXES
from muggle_convert.predict.prompts import SUFFIXES as PROMPTS


@dataclass(frozen=True)
class Job:
    """One picture or video, and where its prediction goes."""

    source: Path
    target: Path
    prompt: Path | None = None  # what the network is shown beside it

    @property
    def is_video(self) -> bool:
        return self.source.suffix.lower() in video.SUFFIXES


@dataclass(frozen=True)
class Events:
    """Called as the work progresses."""

    video: Callable[[int | None], None]  # a video begins, with this many frames
    frame: Callable[[], None]
    done: Callable[[Job, str | None], None]  # with what went wrong, if anything


def plan_jobs(inputs: Iterable[Path], out: Path, suffix: str) -> list[Job]:
    """A job for every picture that is named or found in a folder. `out` is a file if it is named like one and there is one picture; otherwise it
    is a folder, in which the inputs' folders are mirrored."""
    inputs = list(inputs)
    if not any(map(os.path.exists, inputs)):  # one missing picture of several fails like a broken one
        raise Refusal(f"{printable(inputs[0])} does not exist.")
    found = list(dict.fromkeys(pair for path in inputs for pair in _found(path, out)))
    if not found:
        raise Refusal(f"there is no picture in {', '.join(map(printable, inputs))}; pictures end in {', '.join(sorted(SUFFIXES))}.")
    if out.suffix and not out.is_dir():
        if out.suffix.lower() not in _SUFFIXES:
            raise Refusal(
                f"{printable(out)} ends in {printable(out.suffix)}, and files are written as {', '.join(_SUFFIXES)}; if it is meant as a "
                "folder, make it first."
            )
        if len(inputs) > 1 or inputs[0].is_dir():
            raise Refusal(f"{printable(out)} is the name of one file, and there are {len(found)} pictures; name a folder to write to.")
        check_folder_of(out)
        jobs = [Job(found[0][0], out)]
        if jobs[0].is_video != (out.suffix.lower() == ".mp4"):
            raise Refusal(f"{printable(found[0][0].name)} cannot become {printable(out)}; a video becomes an .mp4, and nothing else does.")
    else:
        jobs = _into_folder(found, out, suffix)
    sources = {identity for job in jobs if (identity := _identity(job.source))}
    for job in jobs:
        if _identity(job.target) in sources:
            raise Refusal(f"{printable(job.target)} is one of the pictures themselves; write to another folder.")
    return jobs


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


_SUFFIXES = (*dict.fromkeys(FORMATS.values()), ".mp4")


def _found(path: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    """Pictures, each with its path below the folder it was found in; and folders that cannot be listed, which fail later, when they are read."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    found: list[Path] = []
    endings, written = SUFFIXES | video.SUFFIXES, out.resolve()
    is_among_results = written == path.resolve()  # otherwise an earlier run wrote what is below `out`, a folder inside the one that is read
    for folder, below, names in os.walk(path, onerror=lambda problem: found.append(Path(problem.filename))):
        below[:] = [name for name in below if not name.startswith(".")]
        if is_among_results or not Path(folder).resolve().is_relative_to(written):
            shown = [name for name in names if not name.startswith(".") and Path(name).suffix.lower() in endings]
            found.extend(file for name in shown if (file := Path(folder, name)).is_file())
    for file in sorted(found, key=lambda file: file.parts):
        yield file, Path(*file.parts[len(path.parts) :])


def _identity(path: Path) -> tuple[int, int] | None:
    """Of the file that is there, whatever links lead to it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _into_folder(found: list[tuple[Path, Path]], out: Path, suffix: str) -> list[Job]:
    """If two pictures differ only in their suffixes, the targets keep those."""
    if out.exists() and not out.is_dir():
        raise Refusal(f"{printable(out)} is a file, and there are {len(found)} pictures; name a folder to write to.")
    names = names_of([(inside, ".mp4" if source.suffix.lower() in video.SUFFIXES else suffix) for source, inside in found])
    return [Job(source, out / name) for (source, _), name in zip(found, names, strict=True)]


def names_of(found: list[tuple[Path, str]]) -> list[Path]:
    """What the predictions of pictures with such paths below their folders are called, each with its own ending; no two have one name."""
    short = [inside.with_suffix(ending) for inside, ending in found]
    counts = Counter(short)
    names = [
        name if counts[name] == 1 else inside.with_name(inside.name + ending) for name, (inside, ending) in zip(short, found, strict=True)
    ]
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise Refusal(f"two pictures would both be written to {printable(twice)}; write them to separate folders.")
    return names
