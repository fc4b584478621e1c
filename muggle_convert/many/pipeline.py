"""Many pictures through the networks of a viewer, while other threads read and write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.many.claims import Claims, Finished, Held
from muggle_convert.many.jobs import Events, Job
from muggle_convert.outputs import FORMATS
from muggle_convert.predict.flow import FAILURES, Steps, flow
from muggle_convert.predict.formats import SaveOptions, write_prediction, write_video
from muggle_convert.predict.passes import Seen, Shown
from muggle_convert.predict.photographs import Pixels, is_large, read_picture
from muggle_convert.predict.video import open_video
from muggle_convert.predict.viewer import Viewed, Viewer

Item = TypeVar("Item")
Done = TypeVar("Done")
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two looks at what other runs do
Ready = tuple[Pixels | None, tuple[Shown, ...]]  # the picture, where it is drawn beside its depth, and what the networks take


def predict_each(
    viewer: Viewer,
    items: Iterable[Item],
    form: str,
    read: Callable[[Item], tuple[Pixels, Path | None]],
    is_large: Callable[[Item], bool],
    deliver: Callable[[Item, Viewed], Done],
    workers: int | None = None,
) -> Iterator[tuple[Item, Done | Exception]]:
    """What `deliver` makes of each prediction, as they are done; `read` gives a picture and its prompt, and all but the networks is done in threads."""
    is_drawn = viewer.with_picture or FORMATS[form].has_picture

    def prepare(item: Item) -> Ready:
        picture, prompt = read(item)
        return picture if is_drawn else None, viewer.show(picture, prompt)

    def finish(item: Item, ready: Ready, seen: tuple[Seen, ...]) -> Done:
        return deliver(item, viewer.restore(*ready, seen))

    steps = Steps(
        prepare=prepare,
        alike=lambda ready: tuple(shown.alike for shown in ready[1]),
        together=viewer.together,
        pass_on=lambda batch: viewer.run([shown for _, shown in batch]),
        finish=finish,
        is_large=is_large,
    )
    return flow(items, steps, workers)


def predict_all(viewer: Viewer, jobs: Iterable[Job], options: SaveOptions, events: Events, claims: Claims | None = None) -> None:
    """Do every job, pictures first; failures are reported and do not stop the others. What other runs hold by their claims is waited for at the end,
    in case it fails there, or they die."""
    begin, release = (claims.begin, claims.release) if claims else (_nothing, _nothing)
    left, pause = list(jobs), SHORTEST_PAUSE

    def read(job: Job) -> tuple[Pixels, Path | None]:
        begin(job)
        return read_picture(job.source), job.prompt

    def results() -> Iterator[tuple[Job, object]]:
        yield from predict_each(
            viewer,
            (job for job in left if not job.is_video),
            options.form,
            read=read,
            is_large=lambda job: is_large(job.source),
            deliver=lambda job, viewed: write_prediction(viewer, viewed, job.target, options),
        )
        for job in left:
            if job.is_video:
                yield job, _predict_video(viewer, job, options, events, begin)

    while left:
        held = []
        for job, result in results():
            if isinstance(result, Held):
                held.append(job)
                continue
            release(job.file)
            if isinstance(result, Finished):
                events.elsewhere(job)
            else:
                events.done(job, in_words(result) if isinstance(result, Exception) else None)
        pause = SHORTEST_PAUSE if len(held) < len(left) else min(2 * pause, LONGEST_PAUSE)
        left = held
        if left:
            events.waiting(len(left))
            time.sleep(pause)


def _predict_video(viewer: Viewer, job: Job, options: SaveOptions, events: Events, begin: Callable[[Job], None]) -> Exception | None:
    try:
        begin(job)
        if not FORMATS[options.form].makes_films:
            raise Refusal(f"{printable(job.source.name)} is a video, which becomes a video; --format {options.form} is for pictures.")
        video = open_video(job.source, options.frame_rate)
        events.video(video.frames)
        write_video(viewer, video, job.target, options, events.frame)
    except FAILURES as problem:
        return problem
    return None


def _nothing(_: object) -> None:
    """Where nobody else writes, nothing is claimed."""


def in_words(problem: Exception) -> str:
    """One line on why a picture failed."""
    if isinstance(problem, MemoryError):
        return "there is not enough memory for it."
    return " ".join(str(problem).split())
