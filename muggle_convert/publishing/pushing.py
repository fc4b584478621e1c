"""Putting a converted model on the Hub, in one commit, and only where something changed."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import printable
from muggle_convert.conversion import Options, convert, read
from muggle_convert.errors import Refusal
from muggle_convert.hub import zoo
from muggle_convert.hub.hashes import noted_sha256_of
from muggle_convert.hub.speaking import hub_problems
from muggle_convert.inspection import Inspection
from muggle_convert.match import CONVERTED, Match
from muggle_convert.plan import plan
from muggle_convert.publishing.card import Provenance, card
from muggle_convert.publishing.evaluated import own_results

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"


@dataclass(frozen=True)
class PushOptions:
    """Where and how to push; the names are those of `hf upload`."""

    private: bool = False
    revision: str | None = None
    create_pr: bool = False
    commit_message: str | None = None
    token: str | None = None
    licence: str | None = None
    overwrite_card: bool = False
    results: Path | None = None  # what `muggle-convert eval --results` wrote
    dry_run: bool = False


@dataclass(frozen=True)
class Upload:
    """One file of the commit."""

    name: str
    content: Path | bytes
    size: int
    sha256: str

    @property
    def hashes(self) -> tuple[str, ...]:
        """What the Hub may know this content by: its SHA-256, or git's own hash where it is kept in git itself."""
        if isinstance(self.content, Path):
            return (self.sha256,)
        return self.sha256, hashlib.sha1(b"blob %d\0" % self.size + self.content).hexdigest()


@dataclass(frozen=True)
class Pushed:
    """What was sent, or would be."""

    repository: str
    uploads: tuple[Upload, ...]
    unchanged: tuple[str, ...]  # files that are there already as they are
    kept: tuple[str, ...]  # files that are there, differ, and were left alone
    url: str | None  # of the commit or the pull request; None where nothing was sent
    card: str
    licence: str
    licence_from: str


def push(
    source: str | Path,
    repository: str,
    *,
    family: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    state: str | None = None,
    drops: Sequence[str] = (),
    licence: str | None = None,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    token: str | None = None,
    overwrite_card: bool = False,
    results: Path | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Put a checkpoint on the Hub, converted first if it is not yet.

    `family`, `overrides`, `state` and `drops` say how it is read, as for `convert`. All else is about the push, under the names of `hf upload`:
    `revision` is the branch to push to, `results` what `muggle-convert eval --results` wrote.
    """
    reading = Options(family=family, overrides=overrides, state=state, drops=tuple(drops))
    options = PushOptions(
        private=private,
        revision=revision,
        create_pr=create_pr,
        commit_message=commit_message,
        token=token,
        licence=licence,
        overwrite_card=overwrite_card,
        results=results,
        dry_run=dry_run,
    )
    _check_name(repository)
    with ExitStack() as stack:
        matched = read(source, reading)
        licence, licence_from = _licence(matched, options)
        if matched.layout == CONVERTED:
            (weights,) = matched.checkpoint.files
        else:
            weights = Path(stack.enter_context(tempfile.TemporaryDirectory())) / WEIGHTS
            convert(source, weights, family=family, overrides=overrides, state=state, drops=drops, licence=licence, sync=False)
            matched = read(weights)
        return _push(weights, matched, repository, options, licence, licence_from)


def _check_name(repository: str) -> None:
    """Before anything is read or converted, and where nothing is sent, too."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, and not listed as such

    with hub_problems(repository, "push to"):
        validate_repo_id(repository)
        if "/" not in repository:
            raise HFValidationError


def _push(weights: Path, matched: Match, repository: str, options: PushOptions, licence: str, licence_from: str) -> Pushed:
    uploads = _uploads(weights, matched, repository, options, licence, licence_from)
    text = uploads[-1].content
    assert isinstance(text, bytes)
    there = {} if options.dry_run else _remote(repository, options)
    unchanged = [upload.name for upload in uploads if there.get(upload.name, "") in upload.hashes]
    kept = [CARD] if CARD in there and CARD not in unchanged and not options.overwrite_card else []
    sent = tuple(upload for upload in uploads if upload.name not in (*unchanged, *kept))
    done = Pushed(repository, sent, tuple(unchanged), tuple(kept), None, text.decode(), licence, licence_from)
    if options.dry_run or not sent:
        return done
    return replace(done, url=_commit(repository, sent, there.get(_HEAD), matched, options))


_HEAD = "\0head"  # no file is called this: the commit that the list of files belongs to


def _uploads(weights: Path, matched: Match, repository: str, options: PushOptions, licence: str, licence_from: str) -> tuple[Upload, ...]:
    assert matched.document is not None
    document = replace(matched.document, licence=licence)
    digest = noted_sha256_of(weights)
    released, exact = matched.released
    known = {entry.name: entry for entry in zoo.entries()}.get(released if exact else "")
    provenance = Provenance(repository, licence, licence_from, known.repository if known else None, digest)
    inspection = Inspection(plan(matched))
    evaluation = own_results(options.results, inspection) if options.results else None
    text = card(inspection, provenance, evaluation).encode()
    config = (json.dumps(document.to_dict(), indent=2, sort_keys=True) + "\n").encode()
    return (
        Upload(WEIGHTS, weights, weights.stat().st_size, digest),
        Upload(CONFIG, config, len(config), hashlib.sha256(config).hexdigest()),
        Upload(CARD, text, len(text), hashlib.sha256(text).hexdigest()),
    )


def _licence(matched: Match, options: PushOptions) -> tuple[str, str]:
    """The licence, and who says so; never a guess."""
    carried = matched.document.licence if matched.document else None
    if options.licence and carried not in (None, options.licence):
        raise Refusal(
            f"{printable(matched.checkpoint.name)} says {printable(carried)}, not {options.licence}; convert it again with "
            f"--licence {options.licence} if that is right, so that file and card say the same."
        )
    if options.licence:
        return options.licence, "whoever pushed it"
    if carried:
        return carried, "the converted file"
    from_card = _card_licence(matched.checkpoint.known_as, options.token)
    if from_card:
        return from_card
    called = Path(matched.document.source["file"] if matched.document else matched.checkpoint.name).stem
    found = {entry.name: entry for entry in zoo.entries()}.get(called)
    is_that = found is not None and found.family == matched.family.name and matched.released[1]  # a name alone proves nothing
    if found is not None and is_that and found.licence != "unknown":
        return found.licence, f"the zoo's entry {found.name}"
    raise Refusal(
        f"nothing says which licence the weights of {printable(matched.checkpoint.name)} have; pass --license with what their authors "
        "published, such as --license mit, apache-2.0 or cc-by-nc-4.0."
    )


def _card_licence(known_as: str, token: str | None) -> tuple[str, str] | None:
    """What the card of the repository says that a checkpoint was loaded from."""
    parts = known_as.split("/")
    if len(parts) < 3:
        return None
    from huggingface_hub import ModelCard
    from huggingface_hub.errors import EntryNotFoundError

    repository = "/".join(parts[:2])
    try:
        with hub_problems(repository, "read the card of"):
            try:
                said = ModelCard.load(repository, token=token).data.get("license")
            except EntryNotFoundError:
                return None
    except Refusal:
        return None
    return (str(said), f"the card of {repository}") if said and said != "unknown" else None


def _remote(repository: str, options: PushOptions) -> Mapping[str, str]:
    """The hashes of the files that are there, and the commit they belong to; nothing where there is no repository yet."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    api = HfApi(token=options.token)
    with hub_problems(repository, "push to"):
        try:
            found = api.model_info(repository, revision=options.revision, files_metadata=True)
        except GatedRepoError:
            raise
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return {}
    hashes = {file.rfilename: file.lfs["sha256"] if file.lfs else file.blob_id for file in found.siblings or []}
    return {name: digest for name, digest in {**hashes, _HEAD: found.sha}.items() if digest}


def _commit(repository: str, sent: tuple[Upload, ...], parent: str | None, matched: Match, options: PushOptions) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(token=options.token)
    operations = []
    for upload in sent:
        operation = CommitOperationAdd(upload.name, upload.content if isinstance(upload.content, bytes) else str(upload.content))
        operation.upload_info.sha256 = bytes.fromhex(upload.sha256)  # known already; the client would read the file again for it
        operations.append(operation)
    with hub_problems(repository, "push to"):
        if parent is None:
            api.create_repo(repository, private=options.private, exist_ok=True)
            if options.revision is not None:
                api.create_branch(repository, branch=options.revision, exist_ok=True)
        done = api.create_commit(
            repository,
            operations,
            commit_message=options.commit_message or f"Upload {matched.family.title} with muggle-convert",
            revision=options.revision,
            create_pr=options.create_pr,
            parent_commit=parent,
        )
    return done.pr_url or done.commit_url
