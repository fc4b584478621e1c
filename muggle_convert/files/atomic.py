"""The one way in which files are written: each appears under its name whole, or not at all.

All of them grow as a `Partial` and get their name in one step. There are three ways to fill one: `Target` for writes at
any position of a file whose size is known, `replacing` for code that wants a path, and `resuming` for downloads, whose
partial file outlives an interruption.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.following_hash import FollowingHash
from muggle_convert.files.target import check_target

LONGEST_NAME = 240  # bytes of a name beside which there is room for another one's ending


class Partial:
    """An open file that does not have its name yet. `path` is where it lies meanwhile; None where it has no name at all."""

    def __init__(self, target: Path, path: Path | None, flags: int) -> None:
        self.target = target
        self.path = path
        self.descriptor = os.open(path or target.parent, flags | os.O_RDWR, 0o666)

    @classmethod
    def hidden(cls, target: Path) -> Partial:
        """A new one beside the target, under a name that nobody else has."""
        return cls(target, _hidden_path(target), os.O_CREAT | os.O_EXCL)

    @classmethod
    def nameless(cls, target: Path) -> Partial:
        """A new one of which a crash leaves nothing; a hidden one where the system or the file system has no such files."""
        if hasattr(os, "O_TMPFILE"):  # Linux only
            try:
                return cls(target, None, os.O_TMPFILE)
            except OSError:
                pass
        return cls.hidden(target)

    def publish(self, *, replace: bool, sync: bool) -> None:
        """Give the file its name, in one step. Without `replace`, a file that took the name meanwhile is left alone."""
        if sync:
            os.fsync(self.descriptor)
        if replace:
            if self.path is None:
                self.path = _hidden_path(self.target)  # no system can give a nameless file a name that is taken
                self._link(self.path)
            self.path.replace(self.target)
        elif self.path is None:
            self._link(self.target)
        else:
            os.link(self.path, self.target)  # unlike a rename, this never replaces a file
        if sync:
            _sync_folder(self.target.parent)

    def is_at(self, path: Path) -> bool:
        """Whether this very file has that name."""
        return path.exists() and os.path.samestat(os.fstat(self.descriptor), path.stat())

    def close(self, *, keep: bool = False) -> None:
        """What did not get its name goes, unless it is kept for another attempt."""
        try:
            if self.path is not None and not keep:
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)

    def _link(self, path: Path) -> None:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # Only with a folder's descriptor does Python use the system call that follows the link to the open file.
            os.link(f"/proc/self/fd/{self.descriptor}", path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)


class Target:
    """A file of known size, written at any position by several threads, and hashed on the way if somebody asks for it."""

    def __init__(self, path: Path, size: int, *, force: bool, sync: bool) -> None:
        self.hash = FollowingHash(self._read, size)
        self.path = path
        self.size = size
        self.force = force
        self.sync = sync

    def __enter__(self) -> Target:
        check_target(self.path, self.force)
        try:
            self._partial = Partial.nameless(self.path)
            try:
                if self.size:
                    _reserve(self._partial.descriptor, self.size)
            except BaseException:
                self._partial.close()
                raise
        except OSError as problem:
            raise self._refusal(problem) from None
        return self

    def write(self, position: int, elements: bytes | memoryview) -> None:
        view, begin = memoryview(elements), position
        try:
            while view:
                count = os.pwrite(self._partial.descriptor, view, position)
                position, view = position + count, view[count:]
        except OSError as problem:
            raise self._refusal(problem) from None
        self.hash.wrote(begin, position)

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.hash.abandon()
            if kind is None:
                self._partial.publish(replace=self.force, sync=self.sync)
        except OSError as failure:
            raise self._refusal(failure) from None
        finally:
            self._partial.close()

    def _read(self, position: int, count: int) -> bytes:
        return os.pread(self._partial.descriptor, count, position)

    def _refusal(self, problem: OSError) -> Refusal:
        return Refusal(f"cannot write {printable(self.path)}: {problem.strerror}; nothing was written.")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the target if all goes well."""
    try:
        partial = Partial.hidden(target)
        assert partial.path is not None
        try:
            yield partial.path
            partial.publish(replace=True, sync=False)
        finally:
            partial.close()
    except OSError as problem:
        reason = problem.strerror or "the disk took only a part of it"
        raise Refusal(f"{printable(target)} could not be written: {reason}.") from None


def resumable_path(target: Path) -> Path:
    """Where a download lies between two attempts."""
    name = (
        target.name
        if len(os.fsencode(target.name)) <= LONGEST_NAME
        else f"{target.name[:50]}.{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"
    )
    return target.with_name(name + ".part")


@contextmanager
def resuming(target: Path) -> Iterator[IO[bytes]]:
    """What an earlier attempt left, to write at its end by one process at a time; it becomes the target if all goes well.
    Otherwise it stays for the next attempt, unless it is empty."""
    partial = Partial(target, resumable_path(target), os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    is_kept = True
    try:
        _lock(partial)
        try:
            with open(partial.descriptor, "ab", closefd=False) as file:
                yield file
            partial.publish(replace=True, sync=True)
        finally:
            is_kept = not (partial.is_at(resumable_path(target)) and not os.fstat(partial.descriptor).st_size)
    finally:
        partial.close(keep=is_kept)


def _lock(partial: Partial) -> None:
    import fcntl

    try:
        fcntl.flock(partial.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_free = False
    except OSError:  # some network file systems have no locks
        is_free = True
    else:
        is_free = partial.is_at(resumable_path(partial.target))  # or it was finished between opening and locking, and has its name now
    if not is_free:
        raise Refusal(f"{printable(resumable_path(partial.target))} is being written by another download; wait until that has finished.")


def _hidden_path(target: Path) -> Path:
    return target.parent / f".{target.name[:50]}.{secrets.token_hex(4)}.partial"


def _reserve(descriptor: int, size: int) -> None:
    """Find out at once whether the disk has room; file systems that cannot tell are taken at their word later."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # macOS
        os.ftruncate(descriptor, size)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.ftruncate(descriptor, size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
