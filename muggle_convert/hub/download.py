"""Fetching one file from an address: resumed after an interruption, checked, and never half there under its name."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.version import VERSION

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte

Progress = Callable[[int, int | None], None]  # bytes so far, and of all where the server says


def download(
    url: str, target: Path, size: int | None = None, hash_prefix: str | None = None, progress: Progress = lambda done, whole: None
) -> Path:
    """The file at an address, as `target`. What an earlier attempt left in `target`.part is taken up where it ends."""
    partial = target.with_name(target.name + ".part")
    try:
        _fetch(url, partial, progress)
    except urllib.error.HTTPError as problem:
        raise Refusal(f"{url} answers {problem.code} {problem.reason}; see whether the address is right.") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as problem:
        reason = getattr(problem, "reason", None) or problem
        there = f"; {partial.stat().st_size:,} bytes are kept in {printable(partial)}, run it again to go on" if partial.exists() else ""
        raise Refusal(f"cannot fetch {url}: {printable(reason)}{there}.") from None
    except OSError as problem:
        raise Refusal(f"cannot write {printable(partial)}: {problem.strerror}.") from None
    _check(partial, url, size, hash_prefix)
    return partial.replace(target)


def _fetch(url: str, partial: Path, progress: Progress) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": f"muggle-convert/{VERSION}", "Accept-Encoding": "identity"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as problem:
        if problem.code == 416 and done:  # there is nothing after what is there: it is whole, or another file's
            return
        raise
    with answer:
        if answer.status != 206:
            done = 0
        rest = answer.headers.get("Content-Length")
        whole = done + int(rest) if rest and rest.isdigit() else None
        with open(partial, "ab" if done else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, whole)
            file.flush()
            os.fsync(file.fileno())
    if whole is not None and done != whole:
        raise ConnectionError(f"the connection ended after {done:,} of {whole:,} bytes")


def _check(partial: Path, url: str, size: int | None, hash_prefix: str | None) -> None:
    found = partial.stat().st_size
    if size is not None and found != size:
        partial.unlink()
        raise Refusal(f"{url} gave {found:,} bytes where {size:,} were expected; the file there is another one.")
    if hash_prefix is not None:
        digest = hashlib.sha256()
        with open(partial, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        if not digest.hexdigest().startswith(hash_prefix):
            partial.unlink()
            raise Refusal(
                f"{url} gave a file whose SHA-256 begins with {digest.hexdigest()[:8]} where {hash_prefix[:8]} was expected; it was thrown away."
            )
