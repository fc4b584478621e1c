"""What can go wrong with the Hub, in one sentence each; no server response and no token is ever repeated."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

MOST_BYTES = 64 << 20  # of an answer about a repository; one of 100,000 files has half
_PLAIN = re.compile(r'(W/)?"?(?!\.)[\w.+=:-]{0,200}"?', re.ASCII)  # an ETag or a commit, as it stands in a header


@contextmanager
def hub_problems(repository: str, doing: str) -> Iterator[None]:
    """Turn the client's errors into refusals."""
    from huggingface_hub import errors

    logger = logging.getLogger("huggingface_hub")
    verbosity = logger.level
    if verbosity == logging.WARNING:  # the client's default prints a line for each retry, which the one sentence replaces
        logger.setLevel(logging.ERROR)
    try:
        with _watched():
            yield
    except errors.GatedRepoError:
        raise Refusal(f"{repository} is gated; ask for access on its page on the Hub, then log in with `hf auth login`.") from None
    except errors.RepositoryNotFoundError:
        raise Refusal(
            f"there is no repository {repository} that you can see; check the name, and log in with `hf auth login` if it is private."
        ) from None
    except errors.RevisionNotFoundError:
        raise Refusal(f"{repository} has no such revision; give a branch, a tag or a commit that it has.") from None
    except errors.LocalEntryNotFoundError:
        raise Refusal(f"{repository} is not in the cache and the Hub cannot be reached; connect, or give a file.") from None
    except errors.EntryNotFoundError:
        raise Refusal(f"{repository} does not hold the file that was asked for; look at its list of files.") from None
    except errors.OfflineModeIsEnabled:
        raise Refusal(f"cannot {doing} {repository} in offline mode; unset HF_HUB_OFFLINE.") from None
    except errors.HFValidationError:
        raise Refusal(f"{repository!r} is not the name of a repository, which looks like user/name.") from None
    except errors.HfHubHTTPError as problem:
        raise Refusal(_sentence(repository, doing, getattr(problem.response, "status_code", None))) from None
    except (OSError, ValueError, RuntimeError) as problem:
        if isinstance(problem, Refusal):
            raise
        cause = problem.__cause__ if isinstance(problem.__cause__, errors.HfHubHTTPError) else None
        status = getattr(cause.response, "status_code", None) if cause is not None else None
        lost = f"cannot {doing} {repository}: a file could not be transferred; run it again."
        raise Refusal(_sentence(repository, doing, status) if status else lost) from None
    except (TypeError, LookupError, AttributeError, AssertionError) as problem:  # what the client makes of an answer of another form
        raise Refusal(f"cannot {doing} {repository}: the answer of the Hub is not what it should be; try again later.") from problem
    except Exception as problem:
        if not is_of_transport(problem):
            raise
        raise Refusal(f"cannot {doing} {repository}: no connection ({type(problem).__name__}); try again later.") from None
    finally:
        logger.setLevel(verbosity)


@contextmanager
def _watched() -> Iterator[None]:
    """Look at every answer before the client does, which makes names of files and folders out of what stands in them."""
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # public, and not listed as such

    client: Any = get_session()
    packing = client.headers.get("Accept-Encoding")
    client.headers["Accept-Encoding"] = "identity"  # a packed answer may be a thousand times as long as what is sent
    hooks = "event_hooks" if hasattr(client, "event_hooks") else "hooks"  # as the client's own client called them before its version 1
    before = getattr(client, hooks)
    setattr(client, hooks, {**before, "response": [*before.get("response", []), _refuse_odd_answers]})
    try:
        yield
    finally:
        setattr(client, hooks, before)
        client.headers.pop("Accept-Encoding", None)
        if packing is not None:
            client.headers["Accept-Encoding"] = packing


def _refuse_odd_answers(response: Any, *_: Any, **__: Any) -> None:
    path = urlsplit(str(response.request.url)).path
    named = []
    if (packed := response.headers.get("Content-Encoding", "identity")) not in ("", "identity"):
        raise Refusal(f"the Hub sends what it was asked for packed as {printable(packed)}, which nobody asked for; try again later.")
    if "resolve" in path:
        named = [response.headers.get(name, "") for name in ("ETag", "X-Linked-ETag", "X-Repo-Commit")]
    elif path.startswith("/api/models/") and response.request.method == "GET" and response.status_code < 400:
        with suppress(ValueError, AttributeError):  # what is no JSON, or no object, the client says itself
            _read(response)
            named = [str(json.loads(response.content).get("sha") or "")]
    for name in named:
        if _PLAIN.fullmatch(name) is None:
            raise Refusal(
                f"the Hub gives the name {printable(name)} to what it sends, which is not a plain one; nothing was kept under it."
            )


def _read(response: Any) -> None:
    """All of an answer, as far as it has an end."""
    parts, size = [], 0
    for part in response.iter_bytes() if hasattr(response, "iter_bytes") else response.iter_content(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise Refusal(f"the Hub answers with more than the {MOST_BYTES:,} bytes that are allowed; try again later.")
    response._content = b"".join(parts)  # where the client finds what was read before


def is_of_transport(problem: Exception) -> bool:
    """Whether the connection itself failed; the package of such errors depends on the client's version."""
    return type(problem).__module__.startswith(("httpx", "httpcore", "requests", "urllib3", "hf_xet"))


def _sentence(repository: str, doing: str, status: int | None) -> str:
    if status == 401:
        return f"the Hub does not accept the token; log in again with `hf auth login` to {doing} {repository}."
    if status == 403:
        return f"the token does not permit you to {doing} {repository}; use one that may write there."
    if status == 412:
        return f"{repository} was changed by somebody else in the meantime; nothing was overwritten, run it again."
    if status == 429:
        return f"the Hub asks you to wait before you {doing} {repository}; try again in a while."
    return f"cannot {doing} {repository}: the Hub answers {status}; try again later."
