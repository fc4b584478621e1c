"""A file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.following_hash import FollowingHash


class Target:
    """Written without a name where the system can, so that a crash leaves nothing; named in one step when all is there."""

    def __init__(self, path: Path, size: int, *, force: bool, sync: bool) -> None:
        self.hash = FollowingHash(self._read, size)
        self.path = path
        self.size = size
        self.force = force
        self.sync = sync
        self._partial: Path | None = None

    def __enter__(self) -> Target:
        check_target(self.path, self.force)
        try:
            self._descriptor = self._open()
            if self.size:
                _reserve(self._descriptor, self.size)
        except OSError as problem:
            self._discard()
            raise self._refusal(problem) from None
        return self

    def write(self, position: int, elements: bytes | memoryview) -> None:
        view, begin = memoryview(elements), position
        try:
            while view:
                count = os.pwrite(self._descriptor, view, position)
                position, view = position + count, view[count:]
        except OSError as problem:
            raise self._refusal(problem) from None
        self.hash.wrote(begin, position)

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.hash.abandon()
            if kind is None:
                if self.sync:
                    os.fsync(self._descriptor)
                self._name()
                if self.sync:
                    _sync_folder(self.path.parent)
        except OSError as failure:
            raise self._refusal(failure) from None
        finally:
            self._discard()

    def _read(self, position: int, count: int) -> bytes:
        return os.pread(self._descriptor, count, position)

    def _open(self) -> int:
        if hasattr(os, "O_TMPFILE"):
            try:
                return os.open(self.path.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
            except OSError:
                pass  # some file systems have no nameless files; a hidden one does then
        self._partial = self._hidden()
        return os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)

    def _name(self) -> None:
        if self._partial is None:
            if not self.force:
                self._link(self.path)
                return
            self._partial = self._hidden()
            self._link(self._partial)
        if self.force:
            self._partial.replace(self.path)
        else:
            os.link(self._partial, self.path)  # unlike a rename, this never replaces a file that appeared meanwhile

    def _link(self, path: Path) -> None:
        """Give the nameless file a name."""
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # Only with a folder's descriptor does Python use the system call that follows the link to the open file.
            os.link(f"/proc/self/fd/{self._descriptor}", path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

    def _hidden(self) -> Path:
        return self.path.parent / f".{self.path.name[:200]}.{secrets.token_hex(4)}.partial"

    def _discard(self) -> None:
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)
            del self._descriptor

    def _refusal(self, problem: OSError) -> Refusal:
        return Refusal(f"cannot write {printable(self.path)}: {problem.strerror}; nothing was written.")


def check_target(path: Path, force: bool) -> None:
    """Refuse a target that cannot be, before any work is done for it."""
    try:
        is_folder = path.is_dir()
    except OSError as problem:  # such as a name that is too long
        raise Refusal(f"cannot write {printable(path)}: {problem.strerror}.") from None
    if is_folder:
        raise Refusal(
            f"{printable(path)} is a folder; give the name of the file to write, such as {printable(path / 'model.safetensors')}."
        )
    if os.path.lexists(path) and not force:
        raise Refusal(f"{printable(path)} exists already; pass --force to replace it.")
    check_folder_of(path)


def check_folder_of(path: Path) -> None:
    """Refuse a file whose folder is not there: whoever names a file may have mistyped, and meant one that is."""
    if not path.parent.is_dir():
        raise Refusal(f"cannot write {printable(path)}: the folder {printable(path.parent)} does not exist; make it first.")


def make_folder(path: Path) -> None:
    """A folder that was asked for, with those it is in."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Refusal(f"{printable(path)} cannot be a folder to write to ({problem.strerror}); name another.") from None


def _reserve(descriptor: int, size: int) -> None:
    """Find out at once whether the disk has room; file systems that cannot say so are let through."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:
        os.ftruncate(descriptor, size)
    except OSError as problem:
        import errno

        if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.ftruncate(descriptor, size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
