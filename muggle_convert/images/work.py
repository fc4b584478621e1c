"""Many pictures, one after the other through the network, while others are read and written beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.images.jobs import Events, Job
from muggle_convert.images.products import save, save_film
from muggle_convert.images.reading import Pixels, read_picture
from muggle_convert.images.seeing import Seer
from muggle_convert.images.video import open_film

AHEAD = 4  # pictures that are read before their turn, and predictions that wait to be written
FAILURES = (Refusal, ValueError, RuntimeError, MemoryError)  # of one picture; the last two are torch's for what does not fit


@dataclass(frozen=True)
class Wishes:
    """How predictions are written."""

    form: str
    field_of_view: float
    frame_rate: float | None


def work(seer: Seer, jobs: Iterable[Job], wishes: Wishes, events: Events) -> None:
    """Do every job; one that fails is told of and does not stop the rest."""
    results: deque[tuple[Job, Future[None]]] = deque()
    with ThreadPoolExecutor(2) as readers, ThreadPoolExecutor(2) as writers:
        for job, picture in _ahead(readers, jobs):
            results.append((job, _result(seer, job, picture, wishes, events, writers)))
            if len(results) > AHEAD:
                _tell(*results.popleft(), events)
        while results:
            _tell(*results.popleft(), events)


def _ahead(readers: ThreadPoolExecutor, jobs: Iterable[Job]) -> Iterator[tuple[Job, Future[Pixels] | None]]:
    coming: deque[tuple[Job, Future[Pixels] | None]] = deque()
    for job in jobs:
        coming.append((job, None if job.is_film else readers.submit(read_picture, job.source)))
        if len(coming) > AHEAD:
            yield coming.popleft()
    yield from coming


def _result(
    seer: Seer, job: Job, picture: Future[Pixels] | None, wishes: Wishes, events: Events, writers: ThreadPoolExecutor
) -> Future[None]:
    """Predict, and let the prediction be written; a film is done when this returns."""
    result: Future[None] = Future()
    try:
        if picture is not None:
            return writers.submit(save, seer, seer.see(picture.result()), job.target, wishes.form, wishes.field_of_view)
        _film(seer, job, wishes, events)
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
