"""From what a user calls a model to a file on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.hub.speaking import hub_problems

ZOO = "zoo:"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WEIGHTS = re.compile(r"\.(safetensors|pth?|bin|ckpt)$")
_USUAL = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_BESIDE = ("config.json", "preprocessor_config.json")


@dataclass(frozen=True)
class Located:
    """A file or folder, and what it is known as, which may tell more than its name in a cache."""

    path: Path
    known_as: str


def locate(model: str | Path, revision: str | None = None, filename: str | None = None) -> Located:
    """A path that exists, `zoo:NAME`, or a repository on the Hub, fetched into its cache where it is not there."""
    name, path = str(model), Path(model)
    if name.startswith(ZOO):
        return from_zoo(name.removeprefix(ZOO))
    try:
        is_here = path.exists() or path.is_symlink()
    except (OSError, ValueError):
        is_here = True  # a path that cannot be asked about is for the reader to refuse
    if is_here or isinstance(model, Path) or _REPOSITORY.fullmatch(name) is None or _WEIGHTS.search(name):
        return Located(path, path.name)
    return from_hub(name, revision, filename)


def from_hub(repository: str, revision: str | None = None, filename: str | None = None) -> Located:
    """The weights of a repository, with what beside them says which model they are and what it is shown."""
    from huggingface_hub import snapshot_download

    with hub_problems(repository, "load"):
        names = _file_names(repository, revision)
        chosen = _choose(repository, names, filename)
        shards = [name for name in names if chosen.endswith(".index.json") and _is_shard(chosen, name)]
        beside = [name for name in names if name in {Path(chosen).with_name(known).as_posix() for known in _BESIDE}]
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[chosen, *shards, *beside]))
    if not (folder / chosen).exists():
        raise Refusal(f"{repository} is in the cache without {chosen} and the Hub cannot be reached; connect, or give a file.")
    return Located(folder / chosen, f"{repository}/{chosen}")


def from_zoo(name: str) -> Located:
    """A published checkpoint, from the Hub's cache or from a cache of its own."""
    from muggle_convert.hub import zoo
    from muggle_convert.hub.download import download

    entry = zoo.entry(name)
    if entry.repository is not None:
        return Located(from_hub(entry.repository, filename=entry.file).path, entry.file_name)
    assert entry.url is not None
    target = cache_folder() / entry.file_name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        download(entry.url, target, entry.size, entry.hash_prefix)
    return Located(target, entry.file_name)


def cache_folder() -> Path:
    """Beside the Hub's own cache, where people look for downloaded weights."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "muggle-convert"


def _file_names(repository: str, revision: str | None) -> list[str]:
    """The files of a repository; of its copy in the cache where the Hub cannot be reached."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        return HfApi().list_repo_files(repository, revision=revision)
    except HfHubHTTPError:
        raise
    except (OfflineModeIsEnabled, OSError, RuntimeError) as problem:
        unreachable: BaseException = problem
    except Exception as problem:
        if not type(problem).__module__.startswith(("httpx", "httpcore", "requests")):
            raise
        unreachable = problem
    assert unreachable is not None
    folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _choose(repository: str, names: Iterable[str], filename: str | None) -> str:
    names = list(names)
    if filename is not None:
        if filename not in names:
            raise Refusal(f"{repository} holds no {printable(filename)}; it holds {_list(names)}.")
        return filename
    for usual in _USUAL:
        if usual in names:
            return usual
    weights = [name for name in names if _WEIGHTS.search(name) and "/" not in name]
    if len(weights) != 1:
        found = f"several files of weights ({_list(weights)}); say which with filename=" if weights else f"no weights, only {_list(names)}"
        raise Refusal(f"{repository} holds {found}.")
    return weights[0]


def _is_shard(index: str, name: str) -> bool:
    """Whether a file belongs to an index, by the custom of their names: model-00001-of-00002.safetensors."""
    stem, _, ending = index.removesuffix(".index.json").rpartition(".")
    return re.fullmatch(re.escape(stem) + r"-\d+-of-\d+\." + re.escape(ending), name) is not None


def _list(names: list[str]) -> str:
    return ", ".join(map(printable, names[:6])) + (" and more" if len(names) > 6 else "") if names else "nothing"
