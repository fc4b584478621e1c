"""The progress of `depth`, and a summary of what was written and what failed."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import click
import rich.progress
from rich.text import Text

from muggle_convert.checkpoints import printable
from muggle_convert.cli.terminal import progress_bar
from muggle_convert.many.jobs import Events, Job


class Rate(rich.progress.ProgressColumn):
    """Pictures per second, or seconds per picture if slower than one per second."""

    def render(self, task: rich.progress.Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each", style="progress.data.speed")


class Progress:
    """A progress bar on a terminal, and a summary at the end."""

    def __init__(self, total: int, kept: int) -> None:
        self.total, self.kept = total, kept
        self.failures: list[tuple[Job, str]] = []
        self.events = Events(self._video, self._frame, self._done)
        self._begun = time.monotonic()
        left = rich.progress.TimeRemainingColumn(elapsed_when_finished=True)
        self._bar = progress_bar("{task.description}", rich.progress.BarColumn(), rich.progress.MofNCompleteColumn(), Rate(), left)
        self._pictures = self._bar.add_task("pictures", total=total - kept)
        self._frames: rich.progress.TaskID | None = None

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None) -> None:
        self._bar.stop()

    def summarise(self, out: Path) -> None:
        """How many were written and where, and each failure."""
        done = self.total - self.kept - len(self.failures)
        kept = f"; {self.kept} of {self.total} were already there (--force predicts them again)" if self.kept else ""
        seconds = time.monotonic() - self._begun
        click.echo(f"{printable(out)}: {done} written in {seconds:.1f} s{kept}")
        for job, problem in sorted(self.failures, key=lambda failure: failure[0].source):
            click.echo(f"failed: {_named(job.source, problem)}", err=True)

    def _video(self, frames: int | None) -> None:
        self._frames = self._bar.add_task("frames", total=frames)

    def _frame(self) -> None:
        if self._frames is not None:
            self._bar.advance(self._frames)

    def _done(self, job: Job, problem: str | None) -> None:
        if problem is not None:
            self.failures.append((job, problem))
        if self._frames is not None and job.is_video:
            self._bar.remove_task(self._frames)
            self._frames = None
        self._bar.advance(self._pictures)


def _named(source: Path, problem: str) -> str:
    """The sentence, naming the full path once."""
    for called in (printable(source), printable(source.name)):
        if problem.startswith(called + " "):
            return printable(source) + problem.removeprefix(called)
    return f"{printable(source)}: {problem}"
