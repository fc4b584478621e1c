"""Several runs that write to one folder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muggle_convert import Refusal
from muggle_convert.many import claims as claiming
from muggle_convert.many.claims import DEAD, Claims, Finished, Held
from muggle_convert.many.jobs import ABSENT, Job
from tests.conftest import ROOT

Run = Callable[..., Claims]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Of the same command, given again."""
    begun: list[Claims] = []

    def begin(**recipe: str) -> Claims:
        begun.append(Claims(tmp_path, ".npz", {"--size": "56", **recipe}).__enter__())
        return begun[-1]

    yield begin
    for claims in begun:
        claims.__exit__(None, None, None)
    assert not (tmp_path / ".muggle-convert" / "npz.runs").exists()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job("a.jpg", str(tmp_path / "a.npz"), ABSENT, None)


def test_one_run_at_a_time_has_a_picture(run: Run, job: Job) -> None:
    first, second = run(), run()
    first.begin(job)
    with pytest.raises(Held):
        second.begin(job)
    first.release(job.file)
    second.begin(job)


def test_what_another_run_has_written_meanwhile_is_done(run: Run, job: Job) -> None:
    job.target.write_bytes(b"depth")
    with pytest.raises(Finished):
        run().begin(job)


def test_what_was_there_before_is_predicted_again_by_force_and_by_one_run_only(run: Run, job: Job) -> None:
    job.target.write_bytes(b"before")
    again = Job(job.picture, job.file, job.target.stat().st_ino, None)
    first = run()
    first.begin(again)
    first.release(job.file)
    time.sleep(0.02)
    (new := job.target.with_name("new")).write_bytes(b"now")
    new.replace(job.target)
    with pytest.raises(Finished):
        first.begin(again)
    run().begin(again)  # it began after that, and so was told to do it again


def test_a_killed_run_holds_nothing_and_has_one_heir(run: Run, job: Job, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from muggle_convert.many.claims import Claims; from muggle_convert.many.jobs import Job\n"
        "claims = Claims(Path(sys.argv[1]), '.npz', {'--size': '56'}).__enter__(); claims.begin(Job('a.jpg', sys.argv[2], -1, None))\n"
        "print('held', flush=True); time.sleep(60)"
    )
    line = [sys.executable, "-c", script, str(tmp_path), job.file]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        first, second = run(), run()
        with pytest.raises(Held):
            first.begin(job)
        process.send_signal(signal.SIGKILL)
    first.begin(job)
    with pytest.raises(Held):
        second.begin(job)


@pytest.mark.parametrize(("ago", "is_alive"), [(DEAD / 2, True), (2 * DEAD, False)])
def test_a_run_on_another_machine_is_dead_when_it_has_long_not_been_heard_of(
    run: Run, job: Job, ago: float, is_alive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "_machine", lambda: "another")
    there = run()
    there.begin(job)
    os.utime(there.own, (time.time() - ago,) * 2)
    monkeypatch.undo()
    here = run()
    if is_alive:
        with pytest.raises(Held):
            here.begin(job)
    else:
        here.begin(job)


def test_a_run_with_other_options_waits_for_the_end_of_the_first(run: Run, tmp_path: Path) -> None:
    with (
        Claims(tmp_path, ".npz", {"--size": "84"}),
        pytest.raises(Refusal, match=r"another run is writing to .*, with --size 84, and 56 is asked for"),
    ):
        run()
    run()
    Claims(tmp_path, ".npy", {"--size": "84"}).__enter__().__exit__(None, None, None)


def test_without_hard_links_nothing_is_claimed_and_everything_is_done(run: Run, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    for claims in (run(), run()):
        claims.begin(job)
