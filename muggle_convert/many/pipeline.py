"""Many pictures through the networks of a viewer, while other threads read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.many.jobs import Events, Job
from muggle_convert.predict.flow import FAILURES, Steps, flow
from muggle_convert.predict.formats import PICTURED, SaveOptions, write_prediction, write_video
from muggle_convert.predict.passes import Seen, Shown
from muggle_convert.predict.photographs import Pixels, is_large, read_picture
from muggle_convert.predict.video import open_video
from muggle_convert.predict.viewer import Viewed, Viewer

Item = TypeVar("Item")
Done = TypeVar("Done")
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
    is_drawn = viewer.with_picture or form in PICTURED

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


def predict_all(viewer: Viewer, jobs: Iterable[Job], options: SaveOptions, events: Events) -> None:
    """Do every job, pictures first; failures are reported and do not stop the others."""
    jobs = list(jobs)
    done = predict_each(
        viewer,
        (job for job in jobs if not job.is_video),
        options.form,
        read=lambda job: (read_picture(job.source), job.prompt),
        is_large=lambda job: is_large(job.source),
        deliver=lambda job, viewed: write_prediction(viewer, viewed, job.target, options),
    )
    for job, result in done:
        events.done(job, in_words(result) if isinstance(result, Exception) else None)
    for job in jobs:
        if job.is_video:
            _predict_video(viewer, job, options, events)


def _predict_video(viewer: Viewer, job: Job, options: SaveOptions, events: Events) -> None:
    try:
        if options.form != "png":
            raise Refusal(f"{printable(job.source.name)} is a video, which becomes a video; --format {options.form} is for pictures.")
        video = open_video(job.source, options.frame_rate)
        events.video(video.frames)
        write_video(viewer, video, job.target, events.frame)
        events.done(job, None)
    except FAILURES as problem:
        events.done(job, in_words(problem))


def in_words(problem: Exception) -> str:
    """One line on why a picture failed."""
    if isinstance(problem, MemoryError):
        return "there is not enough memory for it."
    return " ".join(str(problem).split())
