"""The pictures that failed, in a file of the output folder: what one run could not do, the next tries again and says so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from muggle_convert.checkpoints.regular_file import read_small
from muggle_convert.files.atomic import replacing
from muggle_convert.many.claims import Claims
from muggle_convert.many.jobs import Job
from muggle_convert.many.recipe import STATE

MOST_BYTES = 256 << 20  # of a million failures


class Failures:
    """A line of JSON for each, by the name of the file that lacks. Runs at the same time keep theirs in one file."""

    def __init__(self, out: Path, suffix: str, left: Iterable[Job]) -> None:
        self.out = out
        self.file = out / STATE / f"{suffix.removeprefix('.')}.failed.jsonl"
        before = self._kept()
        self.tried_again = {name for job in left if (name := self._name(job)) in before} if before else set()
        self.failed: dict[str, tuple[Job, str]] = {}

    def count(self, job: Job, problem: str | None) -> None:
        if problem is not None:
            self.failed[self._name(job)] = job, problem

    def keep(self, claims: Claims) -> None:
        """With what other runs kept, but for what is there by now."""
        with claims.alone(str(self.file)):
            rows = {name: row for name, row in self._kept().items() if not os.path.exists(self.out / name)}
            rows |= {name: {"picture": job.picture, "file": name, "error": error} for name, (job, error) in self.failed.items()}
            if not rows:
                self.file.unlink(missing_ok=True)
                return
            with replacing(self.file) as part:
                part.write_text("".join(json.dumps(row) + "\n" for _, row in sorted(rows.items())), encoding="utf-8")

    def _kept(self) -> dict[str, dict[str, str]]:
        try:
            lines = read_small(self.file, MOST_BYTES).splitlines()
        except OSError:
            return {}
        found = {}
        for line in lines:
            try:
                row = json.loads(line)
                found[str(row["file"])] = row
            except (ValueError, TypeError, KeyError, RecursionError):  # somebody wrote in it; what lacks is found without it
                continue
        return found

    def _name(self, job: Job) -> str:
        return os.path.relpath(job.file, self.out)
