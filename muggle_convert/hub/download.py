"""Downloading one file: resumed after an interruption, checked, and never visible in part under its name."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.limits import DEFAULT_LIMITS
from muggle_convert.checkpoints.regular_file import read_small
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing, resumable_path, resuming
from muggle_convert.hub.cache import cached_sha256_of
from muggle_convert.version import VERSION

CHUNK = 1 << 20
LONGEST_STAMP = 64 << 10  # bytes, which is as long as a header can be
TIMEOUT = 30  # seconds without a byte
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)

Progress = Callable[[int, int | None], None]  # bytes so far, and in total if the server states that


def download(
    url: str, target: Path, size: int | None = None, hash_prefix: str | None = None, progress: Progress = lambda done, whole: None
) -> Path:
    """Fetch an address to `target`. An earlier attempt that left `target`.part is continued where it ended."""
    partial = resumable_path(target)
    stamp = partial.with_name(partial.name + ".etag")
    try:
        with resuming(target) as file:
            _fetch(url, file, stamp, progress, size)
            file.flush()
            try:
                check(partial, url, size, hash_prefix)
            except Refusal:
                file.truncate(0)
                raise
    except urllib.error.HTTPError as problem:
        said = printable(" ".join(str(problem.reason).split()))
        raise Refusal(f"{printable(url)} answers {problem.code} {said}; check the address.") from None
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as problem:
        cause = getattr(problem, "reason", None) or problem
        reason = getattr(cause, "strerror", None) or cause
        there = f"; {partial.stat().st_size:,} bytes are kept in {printable(partial)}, run it again to resume" if partial.exists() else ""
        raise Refusal(f"cannot fetch {printable(url)}: {printable(reason)}{there}.") from None
    except ValueError as problem:  # such as of an address to go on with that is none
        raise Refusal(f"cannot fetch {printable(url)}: {printable(problem)}.") from None
    except OSError as problem:
        raise Refusal(f"cannot write {printable(partial)}: {problem.strerror}.") from None
    finally:
        if not partial.exists():
            with suppress(OSError):
                stamp.unlink(missing_ok=True)
    return target


def check(path: Path, place: str, size: int | None, hash_prefix: str | None) -> None:
    """Compare a fetched file with its known size and hash."""
    found = path.stat().st_size
    if size is not None and found != size:
        raise Refusal(f"{place} gave {found:,} bytes where {size:,} were expected; it is a different file.")
    if hash_prefix is not None and not (digest := cached_sha256_of(path)).startswith(hash_prefix):
        raise Refusal(f"{place} gave a file whose SHA-256 begins with {digest[:8]} where {hash_prefix[:8]} was expected; it is not used.")


def _fetch(url: str, file: IO[bytes], stamp: Path, progress: Progress, size: int | None) -> None:
    """Continue after the bytes already there, but only if the server confirms that they are the beginning of its current file."""
    known = read_small(stamp, LONGEST_STAMP).decode("latin-1").strip() if stamp.exists() else ""
    done = file.seek(0, 2) if known else 0
    if done:
        try:
            answer = _ask(url, {"Range": f"bytes={done}-", "If-Range": known})
        except urllib.error.HTTPError as problem:
            if problem.code != 416:
                raise
            if _holds(problem.headers, rf"bytes \*/{done}", known):
                return
            answer = _ask(url)
            done = 0
        if answer.status != 206:
            done = 0
        elif not _holds(answer.headers, rf"bytes {done}-.*", known):
            answer.close()
            answer = _ask(url)
            done = 0
    else:
        answer = _ask(url)
    with answer:
        if not done:
            stamp.unlink(missing_ok=True)
            file.truncate(0)
            if validator := _validator(answer.headers):
                with replacing(stamp) as part:
                    part.write_text(validator, "latin-1")
        rest = answer.headers.get("Content-Length") or ""
        whole = done + int(rest) if _LENGTH.fullmatch(rest) else None
        most = size if size is not None else DEFAULT_LIMITS.output_bytes
        if whole is not None and whole > most:
            raise Refusal(f"{printable(url)} is about to give {whole:,} bytes where {most:,} were expected; it is a different file.")
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if done > most:
                file.truncate(0)
                raise Refusal(f"{printable(url)} gives more than the {most:,} bytes that were expected; it is a different file.")
            progress(done, whole)
    if whole is not None and done != whole:
        raise ConnectionError(f"the connection ended after {done:,} of {whole:,} bytes")


def _ask(url: str, headers: dict[str, str] | None = None) -> Any:
    always = {"User-Agent": f"muggle-convert/{VERSION}", "Accept-Encoding": "identity"}
    return _OPENER.open(urllib.request.Request(url, headers={**always, **(headers or {})}), timeout=TIMEOUT)


class _OverTheWeb(urllib.request.HTTPRedirectHandler):
    """Goes on to other addresses of the web, and to nothing else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it leads on to {printable(newurl)}, which is no address of the web")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_OverTheWeb)


def _holds(headers: Message, expected: str, known: str) -> bool:
    """Whether a partial response is for these bytes of this file: some servers ignore If-Range."""
    return re.fullmatch(expected, headers.get("Content-Range", "")) is not None and _validator(headers) in ("", known)


def _validator(headers: Message) -> str:
    """Tells one state of a file from another; a weak ETag does not promise identical bytes."""
    tag = str(headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(headers.get("Last-Modified", ""))
