"""Many pictures through the network one after another, while other threads read and write."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.many.jobs import Events, Job
from muggle_convert.predict.formats import SaveOptions, write_prediction, write_video
from muggle_convert.predict.photographs import Pixels, is_large, read_picture
from muggle_convert.predict.prefetch import prefetched
from muggle_convert.predict.video import open_video
from muggle_convert.predict.viewer import Viewer

FAILURES = (Refusal, ValueError, RuntimeError, MemoryError)  # of one picture; torch raises the last two when memory runs out


def predict_all(viewer: Viewer, jobs: Iterable[Job], options: SaveOptions, events: Events) -> None:
    """Do every job; failures are reported and do not stop the others."""
    with ThreadPoolExecutor(2) as readers, ThreadPoolExecutor(2) as writers:
        # What might not fit in memory together with others of its kind is read when its turn comes.
        pictures = prefetched(jobs, lambda job: None if job.is_video or is_large(job.source) else readers.submit(read_picture, job.source))
        for (job, _), result in prefetched(pictures, lambda pair: _predict(viewer, *pair, options, events, writers)):
            _report(job, result, events)


def _predict(
    viewer: Viewer, job: Job, picture: Future[Pixels] | None, options: SaveOptions, events: Events, writers: ThreadPoolExecutor
) -> Future[None]:
    """Predict, and leave the writing to another thread; a job that runs alone is finished on return."""
    result: Future[None] = Future()
    try:
        if picture is not None:
            return writers.submit(write_prediction, viewer, viewer.view(picture.result(), job.prompt), job.target, options)
        if job.is_video:
            _predict_video(viewer, job, options, events)
        else:
            write_prediction(viewer, viewer.view(read_picture(job.source), job.prompt), job.target, options)
        result.set_result(None)
    except FAILURES as problem:
        result.set_exception(problem)
    return result


def _predict_video(viewer: Viewer, job: Job, options: SaveOptions, events: Events) -> None:
    if options.form != "png":
        raise Refusal(f"{printable(job.source.name)} is a video, which becomes a video; --format {options.form} is for pictures.")
    video = open_video(job.source, options.frame_rate)
    events.video(video.frames)
    write_video(viewer, video, job.target, events.frame)


def _report(job: Job, result: Future[None], events: Events) -> None:
    problem = result.exception()
    if problem is not None and not isinstance(problem, FAILURES):
        raise problem
    events.done(job, in_words(problem) if problem is not None else None)


def in_words(problem: BaseException) -> str:
    """One line on why a picture failed."""
    if isinstance(problem, MemoryError):
        return "there is not enough memory for it."
    return " ".join(str(problem).split())
