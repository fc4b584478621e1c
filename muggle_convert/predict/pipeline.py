"""Many pictures, one after the other through the network, while others are read and written beside it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.predict.ahead import ahead
from muggle_convert.predict.jobs import Events, Job
from muggle_convert.predict.products import save, save_film
from muggle_convert.predict.reading import Pixels, is_large, read_picture
from muggle_convert.predict.seeing import Seer
from muggle_convert.predict.video import open_film

FAILURES = (Refusal, ValueError, RuntimeError, MemoryError)  # of one picture; the last two are torch's for what does not fit


@dataclass(frozen=True)
class Wishes:
    """How predictions are written."""

    form: str
    field_of_view: float
    frame_rate: float | None


def work(seer: Seer, jobs: Iterable[Job], wishes: Wishes, events: Events) -> None:
    """Do every job; one that fails is told of and does not stop the rest."""
    with ThreadPoolExecutor(2) as readers, ThreadPoolExecutor(2) as writers:
        pictures = ahead(jobs, lambda job: None if _is_alone(job) else readers.submit(read_picture, job.source))
        for (job, _), result in ahead(pictures, lambda coming: _result(seer, *coming, wishes, events, writers)):
            _tell(job, result, events)


def _is_alone(job: Job) -> bool:
    """Whether memory would not hold several of its kind at once."""
    return job.is_film or is_large(job.source)


def _result(
    seer: Seer, job: Job, picture: Future[Pixels] | None, wishes: Wishes, events: Events, writers: ThreadPoolExecutor
) -> Future[None]:
    """Predict, and let the prediction be written; what goes alone is done when this returns."""
    result: Future[None] = Future()
    try:
        if picture is not None:
            return writers.submit(save, seer, seer.see(picture.result()), job.target, wishes.form, wishes.field_of_view)
        if job.is_film:
            _film(seer, job, wishes, events)
        else:
            save(seer, seer.see(read_picture(job.source)), job.target, wishes.form, wishes.field_of_view)
        result.set_result(None)
    except FAILURES as problem:
        result.set_exception(problem)
    return result


def _film(seer: Seer, job: Job, wishes: Wishes, events: Events) -> None:
    if wishes.form != "png":
        raise Refusal(f"{printable(job.source.name)} is a video, which becomes a video; --format {wishes.form} is for pictures.")
    film = open_film(job.source, wishes.frame_rate)
    events.film(film.frames)
    save_film(seer, film, job.target, events.frame)


def _tell(job: Job, result: Future[None], events: Events) -> None:
    problem = result.exception()
    if problem is not None and not isinstance(problem, FAILURES):
        raise problem
    lack = "there is not enough memory for it." if isinstance(problem, MemoryError) else None
    events.done(job, lack or (" ".join(str(problem).split()) if problem is not None else None))
