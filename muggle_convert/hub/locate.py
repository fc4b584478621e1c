"""From what a user calls a model to a file on this machine."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.target import make_folder
from muggle_convert.hub.addresses import as_address, on_the_hub, refusal_of
from muggle_convert.hub.cache import cache_folder
from muggle_convert.hub.problems import hub_problems, is_of_transport

if TYPE_CHECKING:
    from muggle_convert.hub.zoo import Entry

ZOO = "zoo:"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WEIGHTS = re.compile(r"\.(safetensors|pth?|bin|ckpt)$")
_USUAL = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_BESIDE = ("config.json", "preprocessor_config.json")


@dataclass(frozen=True)
class Located:
    """A file or folder, and the name it is known by, which may say more than its name in a cache."""

    path: Path
    known_as: str


def locate(model: str | Path, revision: str | None = None, filename: str | None = None) -> Located:
    """An existing path, `zoo:NAME`, or a repository on the Hub or an address in it, which is downloaded into its cache if necessary."""
    name, path = str(model), Path(model)
    if name.startswith(ZOO):
        return from_zoo(name.removeprefix(ZOO))
    if (address := as_address(name)) is not None:
        return from_address(address, revision, filename)
    try:
        is_here = path.exists() or path.is_symlink()
    except (OSError, ValueError):
        is_here = True  # left to the reader to refuse
    if is_here or isinstance(model, Path) or _REPOSITORY.fullmatch(name) is None or _WEIGHTS.search(name):
        return Located(path, path.name)
    return from_hub(name, revision, filename)


def from_hub(repository: str, revision: str | None = None, filename: str | None = None) -> Located:
    """The weights of a repository, with the files beside them that describe the model and its preprocessing."""
    from huggingface_hub import snapshot_download

    with hub_problems(repository, "load"):
        there = _file_names(repository, revision)
        names = _cached_file_names(repository, revision) if there is None else there
        chosen = _choose(repository, names, filename)
        shards = [name for name in names if chosen.endswith(".index.json") and _is_shard(chosen, name)]
        beside = [name for name in names if name in {Path(chosen).with_name(known).as_posix() for known in _BESIDE}]
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=[chosen, *shards, *beside], local_files_only=there is None)
        )
    if not (folder / chosen).exists():
        raise Refusal(f"{repository} is in the cache without {chosen} and the Hub cannot be reached; connect, or give a file.")
    return Located(folder / chosen, f"{repository}/{chosen}")


def from_address(address: str, revision: str | None, filename: str | None) -> Located:
    """What is on the Hub, or in the zoo, where sizes and hashes are known; nothing is read from any other address."""
    from muggle_convert.hub.zoo import entries

    for published in entries():
        if published.url == address:
            return Located(cached(published), published.file_name)
    meant = on_the_hub(address)
    if meant is None:
        raise refusal_of(address)
    for keyword, said, asked in (("revision", meant.revision, revision), ("filename", meant.filename, filename)):
        if said is not None and asked not in (None, said):
            raise Refusal(
                f"{printable(address)} has the {keyword} {printable(said)}, and {printable(asked)} was asked for; give one of them."
            )
    return from_hub(meant.repository, meant.revision or revision, meant.filename or filename)


def from_zoo(name: str) -> Located:
    """A published checkpoint."""
    from muggle_convert.hub.zoo import entry

    published = entry(name)
    return Located(cached(published), published.file_name)


def cached(published: Entry) -> Path:
    """The file of a published checkpoint, from the Hub's cache or our own, compared with its known size and hash."""
    from muggle_convert.hub.download import check, download

    if published.repository is not None:
        file = from_hub(published.repository, filename=published.file).path
        check(file, published.place, published.size, published.hash_prefix)
        return file
    target = cache_folder() / published.file_name
    if target.exists():
        with suppress(Refusal):  # a file damaged since then is fetched again
            check(target, published.place, published.size, published.hash_prefix)
            return target
    make_folder(target.parent)
    return download(published.place, target, published.size, published.hash_prefix)


def _file_names(repository: str, revision: str | None) -> list[str] | None:
    """The files of a repository; None if the Hub cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        # Unlike listing the files, this request is not retried by the client, so users without a connection do not wait.
        found = HfApi().model_info(repository, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
    except HfHubHTTPError as problem:
        if problem.response.status_code < 500 and problem.response.status_code != 429:
            raise
        return HfApi().list_repo_files(repository, revision=revision)  # retried by the client while the Hub is busy
    except (OfflineModeIsEnabled, OSError, RuntimeError):
        return None
    except Exception as problem:
        if not is_of_transport(problem):
            raise
        return None
    return [sibling.rfilename for sibling in found.siblings or ()]


def _cached_file_names(repository: str, revision: str | None) -> list[str]:
    """The files of a repository that are in the cache."""
    from huggingface_hub import snapshot_download

    # No file in particular: the client refuses a folder that lacks a requested file, and only weights were ever downloaded.
    folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[], local_files_only=True))
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _choose(repository: str, names: list[str], filename: str | None) -> str:
    if filename is not None:
        if filename not in names:
            raise Refusal(f"{repository} holds no {printable(filename)}; it holds {_list(names)}.")
        return filename
    for usual in _USUAL:
        if usual in names:
            return usual
    weights = [name for name in names if _WEIGHTS.search(name) and "/" not in name]
    if len(weights) != 1:
        if not weights:
            raise Refusal(f"{repository} holds {f'no weights, only {_list(names)}' if names else 'no files'}.")
        raise Refusal(
            f"{repository} holds several files of weights ({_list(weights)}); say which with filename= in Python, or fetch it with "
            f"`hf download {repository} FILE` and give the file."
        )
    return weights[0]


def _is_shard(index: str, name: str) -> bool:
    """Whether a file belongs to an index, by the usual naming: model-00001-of-00002.safetensors."""
    stem, _, ending = index.removesuffix(".index.json").rpartition(".")
    return re.fullmatch(re.escape(stem) + r"-\d+-of-\d+\." + re.escape(ending), name) is not None


def _list(names: list[str]) -> str:
    return ", ".join(map(printable, names[:6])) + (" and more" if len(names) > 6 else "") if names else "nothing"
