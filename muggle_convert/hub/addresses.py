"""Addresses given where a model is expected: those of the Hub and of the zoo mean what is there, others are told from paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,11}):/{1,2}", re.IGNORECASE)  # a `Path` of an address has lost a slash
_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_OTHER_KINDS = ("datasets", "spaces", "api", "docs", "collections", "papers", "models")
_FETCHED_BY = {
    "http": "curl -LO {}",
    "https": "curl -LO {}",
    "ftp": "curl -O {}",
    "s3": "aws s3 cp {} .",
    "gs": "gcloud storage cp {} .",
}


@dataclass(frozen=True)
class OnTheHub:
    """A repository, and what of it is meant."""

    repository: str
    revision: str | None = None
    filename: str | None = None


def as_address(model: str) -> str | None:
    """An address as it was before it may have become a path; None for what is none."""
    scheme = _SCHEME.match(model)
    if scheme is None:
        return None
    kind, rest = scheme[1].lower(), model[scheme.end() :].lstrip("/")
    return f"{kind}://{'/' if kind == 'file' else ''}{rest}"


def on_the_hub(address: str) -> OnTheHub | None:
    """What an address of the Hub means, as its pages and its buttons have them; None for any other."""
    from huggingface_hub.constants import ENDPOINT

    parts = urlsplit(address)
    is_there = parts.scheme in ("http", "https") and parts.netloc.lower() in (*_HOSTS, urlsplit(ENDPOINT).netloc.lower())
    words = parts.path.strip("/").split("/") if is_there else []
    if parts.scheme == "hf":
        words = [parts.netloc, *parts.path.strip("/").split("/")]
    if len(words) < 2 or words[0] in _OTHER_KINDS:
        return None
    name, _, revision = words[1].partition("@") if parts.scheme == "hf" else (words[1], "", "")
    repository, rest = f"{words[0]}/{name}", words[2:]
    if is_there and rest:
        if rest[0] not in ("resolve", "blob", "tree", "raw") or len(rest) < 2:
            return None
        revision, rest = rest[1], rest[2:] if rest[0] != "tree" else []
    return OnTheHub(repository, unquote(revision) or None, unquote("/".join(rest)) or None)


def refusal_of(address: str) -> Refusal:
    """What an address is, and how to come by the file that is there."""
    scheme, _, rest = address.partition("://")
    shown = printable(address)
    if scheme == "file":
        return Refusal(f"{shown} is an address; give the path {printable(unquote(rest))} instead.")
    how = f", such as with `{_FETCHED_BY[scheme].format(shown)}`" if scheme in _FETCHED_BY else ""
    return Refusal(
        f"{shown} is an address that nothing is read from here; download the file{how}, and give its path, or USER/REPO of a repository "
        "on the Hugging Face Hub."
    )
