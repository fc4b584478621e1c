"""The progress of `depth`, and a summary of what was written and what failed."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click
import rich.progress
from rich.text import Text

from muggle_convert.checkpoints import printable
from muggle_convert.cli.terminal import progress_bar
from muggle_convert.many.jobs import Events, Job

if TYPE_CHECKING:
    from muggle_convert.many.failures import Failures


class Rate(rich.progress.ProgressColumn):
    """Pictures per second, or seconds per picture if slower than one per second."""

    def render(self, task: rich.progress.Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each", style="progress.data.speed")


MOST_SHOWN = 50  # failures, where a file lists all of them


class Progress:
    """A progress bar on a terminal, and a summary at the end."""

    def __init__(self, total: int, kept: int) -> None:
        self.total, self.kept = total, kept
        self.failed: list[tuple[Job, str]] = []
        self.failures: Failures | None = None  # where they are kept for another run
        self.events = Events(self._video, self._frame, self._done, self._elsewhere, self._waiting)
        self._written = self._by_others = 0
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

    def summarise(self, out: Path, *more: str) -> None:
        """How many were written and where, what else there is to say, and each failure."""
        parts = [f"{self._written} written in {time.monotonic() - self._begun:.1f} s", *more]
        if self.kept:
            parts.append(f"{self.kept} of {self.total} were already there (--force predicts them again)")
        if self._by_others:
            parts.append(f"{self._by_others} {_were(self._by_others)} written by another run meanwhile")
        if self.failures is not None:
            if tried := len(self.failures.tried_again):
                parts.append(f"{tried} that failed before {_were(tried)} tried again")
            if self.failed:
                parts.append(f"{len(self.failed)} failed, listed in {printable(self.failures.file)}; the same command tries them again")
        click.echo(f"{printable(out)}: {'; '.join(parts)}")
        shown = sorted(self.failed, key=lambda failure: failure[0].source)[: MOST_SHOWN if self.failures else None]
        for job, problem in shown:
            click.echo(f"failed: {_named(job.source, problem)}", err=True)
        if len(shown) < len(self.failed):
            click.echo(f"failed: {len(self.failed) - len(shown)} more", err=True)

    def _video(self, frames: int | None) -> None:
        self._frames = self._bar.add_task("frames", total=frames)

    def _frame(self) -> None:
        if self._frames is not None:
            self._bar.advance(self._frames)

    def _done(self, job: Job, problem: str | None) -> None:
        if problem is None:
            self._written += 1
        else:
            self.failed.append((job, problem))
            if self.failures is not None:
                self.failures.count(job, problem)
        if self._frames is not None and job.is_video:
            self._bar.remove_task(self._frames)
            self._frames = None
        self._advance()

    def _elsewhere(self, job: Job) -> None:
        self._by_others += 1
        self._advance()

    def _waiting(self, count: int) -> None:
        self._bar.update(self._pictures, description=f"waiting for {count} of another run")

    def _advance(self) -> None:
        self._bar.update(self._pictures, advance=1, description="pictures")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _named(source: Path, problem: str) -> str:
    """The sentence, naming the full path once."""
    for called in (printable(source), printable(source.name)):
        if problem.startswith(called + " "):
            return printable(source) + problem.removeprefix(called)
    return f"{printable(source)}: {problem}"
