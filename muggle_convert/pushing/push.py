"""Putting a converted model on the Hub: one commit, with only the files that changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.beside import leads_outside
from muggle_convert.errors import Refusal
from muggle_convert.hub import zoo
from muggle_convert.hub.cache import cached_sha256_of
from muggle_convert.hub.problems import hub_problems
from muggle_convert.identify.document import KEY
from muggle_convert.identify.graphs import refuse_graph
from muggle_convert.identify.licences import Licence, published_as, published_licence, stated_licence
from muggle_convert.identify.match import Match
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.inspection import Inspection
from muggle_convert.plan import plan
from muggle_convert.pushing.card import card
from muggle_convert.pushing.evaluated import own_results
from muggle_convert.pushing.hub_licences import check_identifier, licence_of_card
from muggle_convert.pushing.origin import Provenance
from muggle_convert.pushing.picture import drawn_beside
from muggle_convert.writing.converted_file import WriteOptions, settle, write

WEIGHTS, CONFIG, CARD, PICTURE = "model.safetensors", "config.json", "README.md", "depth.png"


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
    trained_on: tuple[str, ...] = ()
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
        """The hashes under which the Hub may know this content: its SHA-256, or git's own if it is stored in git itself."""
        if isinstance(self.content, Path):
            return (self.sha256,)
        return self.sha256, hashlib.sha1(b"blob %d\0" % self.size + self.content).hexdigest()


@dataclass(frozen=True)
class Pushed:
    """What was sent, or would be."""

    repository: str
    uploads: tuple[Upload, ...]
    unchanged: tuple[str, ...]  # files that are already there, identical
    kept: tuple[str, ...]  # files that are there, differ, and were not replaced
    url: str | None  # of the commit or the pull request; None if nothing was sent
    card: str
    licence: str
    licence_from: str


def push(
    source: str | Path,
    repository: str,
    *,
    backbone: str | Path | None = None,
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
    picture: Path | None = None,
    base_model: str | None = None,
    trained_on: Sequence[str] = (),
    dry_run: bool = False,
) -> Pushed:
    """Put a checkpoint on the Hub, converted first if it is not yet.

        push("hybrid.safetensors", "user/hybrid", licence="mit", private=True)

    `backbone`, `family`, `overrides`, `state` and `drops` say how it is read, as for `convert`. The other keywords are named as in `hf upload`:
    `revision` is the branch to push to, `results` what `muggle-convert eval --results` wrote, `picture` a photograph that may be published: the card
    shows it and what this model predicts for it. `base_model` is the repository that the weights came from, where they do not tell, and `trained_on`
    names data sets.
    """
    reading = ReadOptions(family, overrides, state, tuple(drops), backbone=backbone)
    where = PushOptions(private, revision, create_pr, commit_message, token, licence, overwrite_card)
    options = replace(where, results=results, trained_on=tuple(trained_on), dry_run=dry_run)
    _check_name(repository)
    if not dry_run:
        _check_token(repository, token)
    if base_model is not None:
        _check_name(base_model)
    with ExitStack() as stack:
        matched = read(source, reading)
        refuse_graph(matched.checkpoint)
        came_from = base_model or _base_model(matched, repository)
        if Path(source).is_dir():
            _refuse_links_outside(Path(source), matched)
        licence, licence_from = _licence(matched, options)
        if _is_whole(matched):
            (weights,), sha256 = matched.checkpoint.files, None
        else:
            weights = Path(stack.enter_context(tempfile.TemporaryDirectory())) / WEIGHTS
            writing = WriteOptions(licence=licence, sync=False)
            sha256 = write(settle(matched, writing), weights, writing, hash_target=True).sha256
            matched = read(weights)
        sha256 = sha256 or cached_sha256_of(weights)
        drawn = drawn_beside(Path(picture), weights) if picture is not None else None
        provenance = Provenance(repository, licence, licence_from, came_from, sha256, options.trained_on, PICTURE if drawn else None)
        return _push(weights, matched, provenance, options, drawn)


def _check_token(repository: str, token: str | None) -> None:
    """Before anything is read or converted: the Hub accepts no anonymous uploads."""
    from huggingface_hub import get_token

    if not token and get_token() is None:
        raise Refusal(f"there is no token to push to {repository} with; log in with `hf auth login`, set HF_TOKEN or pass --token.")


def _refuse_links_outside(folder: Path, matched: Match) -> None:
    """Somebody who names a folder means what is in it, and a link may lead to what nobody wants to publish."""
    for file in (*matched.checkpoint.files, folder / CONFIG):
        if os.path.lexists(file) and (there := leads_outside(file)) is not None:
            raise Refusal(
                f"{printable(folder)} holds {printable(file.name)}, a link that leads out of it to {printable(there)}; push that file itself if it is "
                "meant."
            )


def _is_whole(matched: Match) -> bool:
    """Whether a file can be pushed as it is; anything set or dropped for the push needs a new one."""
    document = matched.document
    if matched.checkpoint.metadata.keys() - {KEY, "format"}:  # what somebody else put there
        return False
    return document is not None and (matched.config, matched.evidence, matched.left_out) == (document.config, document.evidence, {})


def _check_name(repository: str) -> None:
    """Before anything is read or converted, and in a dry run as well."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, and not listed as such

    with hub_problems(repository, "push to"):
        validate_repo_id(repository)
        if "/" not in repository:
            raise HFValidationError


def _base_model(matched: Match, repository: str) -> str | None:
    """The repository that the weights are from, or were trained from: the one they were loaded from, the one their file says it was converted
    from, or that of the published checkpoint that they are."""
    said = (matched.checkpoint.known_as, str(matched.document.source["file"]) if matched.document else "")
    loaded = (found[1] for name in said if (found := re.fullmatch(r"([\w.-]+/[\w.-]+)/[^/].*", name, re.ASCII)))
    origin = matched.document.source.get("trained_from") if matched.document else None
    trained = (entry for entry in zoo.entries() if origin and entry.fingerprint == origin)
    published = (entry.repository for entry in (*published_as(matched), *trained) if entry.repository)
    return next((name for name in (*loaded, *published) if name != repository), None)


def _push(weights: Path, matched: Match, provenance: Provenance, options: PushOptions, drawn: bytes | None) -> Pushed:
    repository, licence, licence_from = provenance.repository, provenance.licence, provenance.licence_from
    uploads = _uploads(weights, matched, provenance, options, drawn)
    text = uploads[-1].content
    assert isinstance(text, bytes)
    there = {} if options.dry_run else _remote(repository, options)
    unchanged = [upload.name for upload in uploads if there.get(upload.name, "") in upload.hashes]
    kept = [CARD] if CARD in there and CARD not in unchanged and not options.overwrite_card else []
    if kept:
        _refuse_another_licence(repository, licence, options)
    sent = tuple(upload for upload in uploads if upload.name not in (*unchanged, *kept))
    done = Pushed(repository, sent, tuple(unchanged), tuple(kept), None, text.decode(), licence, licence_from)
    if options.dry_run or not sent:
        return done
    return replace(done, url=_commit(repository, sent, there.get(_HEAD), matched, options))


_HEAD = "\0head"  # not a possible file name: the commit that the list of files belongs to


def _uploads(weights: Path, matched: Match, provenance: Provenance, options: PushOptions, drawn: bytes | None) -> tuple[Upload, ...]:
    assert matched.document is not None
    document = replace(matched.document, licence=provenance.licence)
    inspection = Inspection(plan(matched))
    evaluation = own_results(options.results, inspection) if options.results else None
    text = card(inspection, provenance, evaluation).encode()
    config = (json.dumps(document.to_dict(), indent=2, sort_keys=True) + "\n").encode()
    return (
        Upload(WEIGHTS, weights, weights.stat().st_size, provenance.sha256),
        _upload(CONFIG, config),
        *([_upload(PICTURE, drawn)] if drawn else []),
        _upload(CARD, text),
    )


def _upload(name: str, content: bytes) -> Upload:
    return Upload(name, content, len(content), hashlib.sha256(content).hexdigest())


def _licence(matched: Match, options: PushOptions) -> tuple[str, str]:
    """The licence and its source; never a guess."""
    stated = stated_licence(matched)
    if options.licence and stated and stated.name != options.licence:
        raise Refusal(
            f"{printable(matched.checkpoint.name)} says {printable(stated.name)}, not {options.licence}; convert it again with "
            f"--licence {options.licence} if that is right, so that file and card agree."
        )
    asked = Licence(options.licence, "whoever pushed it") if options.licence else None
    found = asked or stated or _card_licence(matched.checkpoint.known_as, options.token) or published_licence(matched)
    if found is None:
        raise Refusal(
            f"there is no statement of the licence of the weights of {printable(matched.checkpoint.name)}; pass --license with what their authors "
            "published, such as --license mit, apache-2.0 or cc-by-nc-4.0."
        )
    check_identifier(found)
    return found.name, found.said_by


def _card_licence(known_as: str, token: str | None) -> Licence | None:
    """The licence on the card of the repository that a checkpoint was loaded from."""
    parts = known_as.split("/")
    if len(parts) < 3:
        return None
    repository = "/".join(parts[:2])
    try:
        said = licence_of_card(repository, None, token)
    except Refusal:
        return None
    return Licence(said, f"the card of {repository}") if said and said != "unknown" else None


def _refuse_another_licence(repository: str, licence: str, options: PushOptions) -> None:
    """A card that is kept must not contradict the files beside it."""
    said = licence_of_card(repository, options.revision, options.token)
    if said is not None and said != licence:
        raise Refusal(
            f"the README.md of {repository} says that the licence is {printable(said)}, and {licence} would be pushed beside it; pass "
            f"--overwrite-card if {licence} is right."
        )


def _remote(repository: str, options: PushOptions) -> Mapping[str, str]:
    """The hashes of the remote files, and the commit they belong to; empty if there is no repository yet."""
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
        operation.upload_info.sha256 = bytes.fromhex(upload.sha256)  # already known; the client would read the whole file for it
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
