"""Pictures through Ray Data: tasks read, actors with a model each predict, tasks write. Encoded bytes travel between them, never arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import ray
import ray.data

from muggle_convert.errors import Refusal
from muggle_convert.many.batches import BatchPredictor, Predicted
from muggle_convert.many.cluster.rows import pack, pack_predicted, unpack, unpack_predicted
from muggle_convert.many.cluster.sources import Source
from muggle_convert.many.cluster.stores import Store

LITTLE = 0.25  # of a processor: reading and writing mostly wait
USED = 0.75  # of the processors by models, where they predict on those; the rest reads and writes
CORES = 4  # of one model, where it predicts on processors


@dataclass(frozen=True)
class Share:
    """What an actor takes of a machine."""

    cards: float = 0.0
    cores: float = LITTLE
    actors: int = 1

    @classmethod
    def of_cluster(cls, share: float | None, device: str | None) -> Share:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cards, cores = ([machine.get(kind, 0.0) for machine in machines] for kind in ("GPU", "CPU"))
        if any(cards) and device != "cpu":
            wanted, free = _allowed(share or 1.0), cards
        else:
            wanted, free = _allowed(share or min(CORES, USED * max(cores))), [USED * each for each in cores]
        actors = sum(int(each / wanted + 1e-6) for each in free)
        if not actors:
            raise Refusal(f"--share {wanted:g} is more than any machine has for models, {max(free):g}; give less.")
        return cls(wanted, LITTLE, actors) if free is cards else cls(0.0, wanted, actors)


def connect(address: str | None) -> None:
    """To a cluster, or to a new one of this machine alone; to none where this process is part of one already."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(address=address, **options) if address else ray.init(include_dashboard=False, **options)
    except (ConnectionError, ValueError) as problem:
        raise Refusal(f"there is no Ray cluster at {address} ({' '.join(str(problem).split())}).") from None


def predict_on_ray(
    predictor: BatchPredictor, source: Source, store: Store, done: set[str], share: Share
) -> Iterator[tuple[str, str | None]]:
    """The key of each picture, and what went wrong, once its prediction is written."""
    units = list(source.units(lambda picture: store.mark(picture) in done, done))
    if not units:
        return
    settings = ray.data.DataContext.get_current()
    settings.enable_progress_bars = False
    settings.print_on_execution_start = False
    settings.retried_io_errors = []
    results = (
        ray.data.from_arrow([pa.table({"unit": [unit]}) for unit in units])
        .map_batches(partial(_read, source), **_one_row(LITTLE))
        .map_batches(
            _Predict,
            fn_constructor_args=(predictor, predictor.fingerprint, share),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=share.actors),
            num_gpus=share.cards or None,
            **_one_row(share.cores),
        )
        .map_batches(partial(_write, store), **_one_row(LITTLE))
    )
    try:
        for table in results.iter_batches(batch_format="pyarrow", batch_size=None):
            yield from zip(table.column("key").to_pylist(), table.column("error").to_pylist(), strict=True)
    except ray.exceptions.RayError as problem:
        raise _in_words(problem) from None


class _Predict:
    def __init__(self, predictor: BatchPredictor, fingerprint: str, share: Share) -> None:
        import torch

        if predictor.fingerprint != fingerprint:
            raise Refusal(
                f"{predictor.model} is another model on one of the machines than where the command was given; name one that all machines read alike."
            )
        if not share.cards:
            torch.set_num_threads(max(1, int(share.cores)))
        self.predictor = predictor

    def __call__(self, table: pa.Table) -> pa.Table:
        wanted = unpack(table)
        readable = [(picture.key, picture.content) for picture in wanted if picture.content is not None]
        predicted = iter(self.predictor(readable))
        rows = [
            Predicted(picture.key, model=self.predictor.fingerprint, error=picture.problem) if picture.content is None else next(predicted)
            for picture in wanted
        ]
        return pack_predicted([picture.name for picture in wanted], rows)


def _read(source: Source, table: pa.Table) -> Iterator[pa.Table]:
    for unit in table.column("unit").to_pylist():
        for pictures in source.read(unit):
            yield pack(pictures)


def _write(store: Store, table: pa.Table) -> pa.Table:
    rows = unpack_predicted(table)
    store.write(rows)
    return pa.table({"key": [row.key for _, row in rows], "error": pa.array([row.error for _, row in rows], pa.string())})


def _one_row(cores: float) -> dict[str, Any]:
    return {"batch_size": 1, "batch_format": "pyarrow", "num_cpus": cores}


def _allowed(cores: float) -> float:
    """Ray counts cards and processors in whole ones, or in fractions of one."""
    return float(int(cores)) if cores >= 1 else cores


def _in_words(problem: BaseException) -> Refusal:
    """Our own sentence, if one was said on the other machine."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, Refusal):
            return Refusal(str(cause))
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return Refusal(f"Ray gave up ({lines[-1]}); finished predictions are kept, and the same command resumes from there.")
