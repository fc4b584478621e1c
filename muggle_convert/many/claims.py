"""Who does which picture, where several runs write to one folder: each takes one at a time, and a dead run holds none for long.

A run has one file in the folder, and a claim is a hard link to it, made in one step that fails where the link is there. So a claim tells whose it
is and whether its run is alive, without being written to or renewed:

- On one machine (and one start of it), the run's file is locked, and the system takes the lock away when the process ends, however it ends.
- Across machines, where locks may not reach, a run touches its file every so often, and is taken for dead once that was two minutes ago, by the
  clock that stamps the files. One that was only asleep then does some pictures twice, which harms nothing: files appear whole.

The claim of a dead run is not removed but outdone by one of the next generation, so that of several heirs only one succeeds. File systems without
hard links have no claims; there, two runs do the same work, and to the same result.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.errors import Refusal
from muggle_convert.files.target import make_folder
from muggle_convert.many.jobs import ABSENT, Job
from muggle_convert.many.recipe import STATE, Recipe, difference

BEAT = 20.0  # seconds between two touches
DEAD = 120.0  # seconds after the last one
MOST_BYTES = 1 << 16  # of what a run says of itself
GENERATIONS = 1000


class Elsewhere(RuntimeError):
    """Another run has, or is about to have, this picture."""


class Held(Elsewhere): ...


class Finished(Elsewhere): ...


class Claims:
    """Of this run, among those that write files with one ending to a folder. A context: whatever it holds at its end is free."""

    def __init__(self, out: Path, suffix: str, recipe: Recipe) -> None:
        self.out, self.recipe = out, recipe
        self.folder = out / STATE / f"{suffix.removeprefix('.')}.runs"
        self.own = self.folder / f"run-{secrets.token_hex(8)}"
        self._are_possible = True
        self._held: dict[str, tuple[str, int]] = {}
        self._over = threading.Event()
        self._touching = threading.Thread(target=self._keep_touching, name="claims", daemon=True)

    def __enter__(self) -> Claims:
        try:
            self._descriptor = self._made()
            machine = ""
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                machine = _machine()
            try:
                os.write(self._descriptor, json.dumps({"machine": machine, "recipe": dict(self.recipe)}).encode())
            except OSError:  # such as of a full disk
                self._leave()
                raise
        except OSError as problem:
            raise Refusal(f"{printable(self.folder)} cannot be written to ({problem.strerror}); name another folder.") from None
        self._begun = self._touch()
        try:
            self._refuse_others()
        except BaseException:
            self._leave()
            raise
        self._touching.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        self._touching.join()  # before the number of the descriptor may be that of another file
        for name in list(self._held):
            self.release(name)
        self._leave()

    def begin(self, job: Job) -> None:
        """Take a picture, or find out that another run has it. Several threads may do so at once."""
        if not self._take(job.file):
            raise Held
        if self._is_done(job):
            self.release(job.file)
            raise Finished

    def release(self, name: str) -> None:
        """What is done, or not to be done; nothing where it is not held."""
        key, generation = self._held.pop(name, ("", -1))
        for number in range(generation, -1, -1):  # below are those of dead runs
            with suppress(OSError):
                self._claim(key, number).unlink()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """While no other run is in such a block."""
        while not self._take(name):
            time.sleep(0.05)
        try:
            yield
        finally:
            self.release(name)

    def _made(self) -> int:
        """The file of this run; a run that leaves at this moment may take the folder away first."""
        for _ in range(GENERATIONS):
            make_folder(self.folder)
            with suppress(FileNotFoundError):
                return os.open(self.own, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _take(self, name: str) -> bool:
        key = hashlib.sha256(os.fsencode(os.path.relpath(name, self.out))).hexdigest()[:24]
        for generation in range(GENERATIONS if self._are_possible else 0):
            claim = self._claim(key, generation)
            for _ in range(GENERATIONS):  # a claim may be gone before it is looked at
                try:
                    os.link(self.own, claim)
                except FileExistsError:
                    if (is_alive := self._is_alive(claim)) is None:
                        continue
                    if is_alive:
                        return False
                    break
                except OSError:
                    self._are_possible = False
                    return True
                self._held[name] = key, generation
                return True
        return not self._are_possible

    def _is_done(self, job: Job) -> bool:
        """Since this run looked what is there."""
        try:
            found = os.stat(job.file)
        except OSError:
            return False
        return job.before == ABSENT or (found.st_ino != job.before and found.st_mtime > self._begun)

    def _is_alive(self, path: Path) -> bool | None:
        """Whether the run is whose file this is; None where the file is gone."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # somebody may have put a pipe there
        except FileNotFoundError:
            return None
        try:
            if os.path.samestat(os.fstat(descriptor), os.fstat(self._descriptor)):
                return True
            if _said(descriptor).get("machine") == _machine():
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                except OSError:
                    pass
                else:
                    return False
            return self._is_fresh(os.fstat(descriptor).st_mtime)
        finally:
            os.close(descriptor)

    def _is_fresh(self, touched: float) -> bool:
        return abs(self._touch() - touched) < DEAD  # the future is no time that any run has written

    def _touch(self) -> float:
        """The time, by the clock that stamps the files."""
        os.utime(self._descriptor)
        return os.fstat(self._descriptor).st_mtime

    def _keep_touching(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(OSError):
                self._touch()

    def _refuse_others(self) -> None:
        """Runs that write something else under the same names."""
        for run in self.folder.glob("run-*"):
            if run == self.own or (is_alive := self._is_alive(run)) is None:
                continue
            if not is_alive:
                run.unlink(missing_ok=True)
                continue
            descriptor = os.open(run, os.O_RDONLY | os.O_NONBLOCK)
            try:
                before = _said(descriptor).get("recipe")
            finally:
                os.close(descriptor)
            if isinstance(before, Mapping) and (other := difference(before, self.recipe)):
                raise Refusal(
                    f"another run is writing to {printable(self.out)}, with {other}; wait until it has ended, or write to another folder."
                )

    def _leave(self) -> None:
        """The last one tidies up."""
        self.own.unlink(missing_ok=True)
        with suppress(OSError):
            others = [(path, self._is_alive(path)) for path in self.folder.iterdir()]
            if not any(is_alive for _, is_alive in others):
                for path, _ in others:
                    path.unlink(missing_ok=True)
                self.folder.rmdir()
        os.close(self._descriptor)

    def _claim(self, key: str, generation: int) -> Path:
        return self.folder / f"{key}.{generation}"


def _said(descriptor: int) -> Mapping[str, Any]:
    try:
        return parse_object(os.read(descriptor, MOST_BYTES))
    except (Refusal, OSError):  # it has not said it yet, or is no file of a run
        return {}


def _machine() -> str:
    """This start of this machine, as far as the system tells: where processes share a kernel, and so its locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
