"""Writing a converted file according to its plan, with the document that describes it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from muggle_convert.checkpoints import DType, printable
from muggle_convert.checkpoints.brief import Brief
from muggle_convert.checkpoints.fingerprint import fingerprint, promised_fingerprint, sha256_of
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import Target
from muggle_convert.files.casting import FLOAT_TYPES
from muggle_convert.files.safetensors_header import header
from muggle_convert.identify.document import KEY, Document, LeftOut
from muggle_convert.identify.dropped import check_dropped
from muggle_convert.identify.graphs import refuse_graph
from muggle_convert.identify.licences import licence_of
from muggle_convert.identify.match import Match
from muggle_convert.plan import Plan, plan
from muggle_convert.version import VERSION
from muggle_convert.writing.copying import copy

MOST_NAMED = 8  # tensors in one sentence


@dataclass(frozen=True)
class WriteOptions:
    """How to write a checkpoint; by default nothing is lost."""

    dtype: str | None = None
    keep_unused: bool = False
    licence: str | None = None
    strict_finite: bool = False
    sha256: bool = False
    sync: bool = True
    force: bool = False


@dataclass(frozen=True, repr=False)
class Report(Brief):
    """What was done."""

    plan: Plan
    target: Path
    document: Document
    warnings: tuple[str, ...]
    largest_cast_error: float | None
    sha256: str | None  # of the target, if requested and if its header did not depend on the last byte

    def told(self) -> Mapping[str, object]:
        said = {"warnings": " ".join(self.warnings)} if self.warnings else {}
        made = {"wrote": self.target, "family": self.document.config.family, **self.plan.told()}
        return {**made, "fingerprint of the source": self.document.source["fingerprint"], **said}


def settle(matched: Match, options: WriteOptions) -> Plan:
    """The plan of a conversion, checked as far as possible without writing."""
    refuse_graph(matched.checkpoint)
    settled = plan(matched, _dtype(options.dtype), options.keep_unused)
    check_dropped(matched)
    return settled


def write(settled: Plan, target: Path, options: WriteOptions, hash_target: bool = False) -> Report:
    """Carry out a plan. If the source has checksums, its fingerprint is known from the start; otherwise the header is written
    with blanks, which are filled in once all bytes have been read. `hash_target` is for callers that upload the target."""
    is_converted = settled.match.document is not None
    if is_converted and options.sha256:
        file = printable(settled.match.checkpoint.name)
        raise Refusal(f"{file} is already converted and does not reveal the SHA-256 of its original; leave --sha256 out.")
    if options.sha256 and (not settled.match.checkpoint.path.is_file() or len(settled.match.checkpoint.files) != 1):
        raise Refusal(f"{printable(settled.match.checkpoint.path)} is not one file, so it has no SHA-256; leave --sha256 out.")
    promised = None if options.sha256 else promised_fingerprint(settled.match.checkpoint)
    is_known = is_converted or promised is not None
    found = {"fingerprint": promised or "0" * 64, **({"sha256": "0" * 64} if options.sha256 else {})}
    document = _about_source(describe(settled, options), {} if is_converted else found)
    first = header(settled.outputs, {"format": "pt", KEY: document.to_json()})
    size = len(first) + sum(output.size for output in settled.outputs)
    with ThreadPoolExecutor(1) as pool, Target(target, size, force=options.force, sync=options.sync) as opened:
        opened.write(0, first)
        of_source = pool.submit(sha256_of, settled.match.checkpoint.path) if options.sha256 else None
        of_target = pool.submit(opened.hash.sha256) if hash_target and is_known else None
        seen = copy(settled, len(first), opened, _dtype(options.dtype), from_its_beginning=of_target is not None)
        if seen.not_finite and options.strict_finite:
            raise Refusal(f"{_not_finite(seen.not_finite)}; without --strict-finite it would be converted unchanged.")
        if not is_known:
            found["fingerprint"] = fingerprint(settled.match.checkpoint.tensors, seen.checksums)
            if of_source is not None:
                found["sha256"] = of_source.result()
            document = _about_source(document, found)
            finished = header(settled.outputs, {"format": "pt", KEY: document.to_json()})
            assert len(finished) == len(first), "the blanks have the length of what fills them"
            opened.write(0, finished)
        sha256 = of_target.result() if of_target is not None else None
    warnings = settled.match.checkpoint.warnings + ((_not_finite(seen.not_finite) + ".",) if seen.not_finite else ())
    if seen.vanished:
        lost = _counted(seen.vanished, f"too small for {options.dtype} and became zero")
        warnings += (f"{lost}; keep the element type, or convert to bfloat16, if that matters.",)
    return Report(settled, target, document, warnings, seen.largest_cast_error if options.dtype else None, sha256)


def _about_source(document: Document, found: Mapping[str, str]) -> Document:
    return replace(document, source={**document.source, **found})


def describe(settled: Plan, options: WriteOptions) -> Document:
    """What the converted file will say about itself, except for fingerprints, which only copying reveals."""
    matched = settled.match
    known = licence_of(matched)
    licence = options.licence or (known.name if known else None)
    if matched.document is not None:
        before = matched.document
        left_out = {name: replace(left, dtype=_written(left.dtype, options)) for name, left in before.dropped.items()}
        aliases = {**before.aliases, **settled.aliases}
        return replace(before, config=matched.config, evidence=matched.evidence, dropped=left_out, aliases=aliases, licence=licence)
    return Document(
        config=matched.config,
        evidence=matched.evidence,
        layout=matched.layout,
        source={"file": matched.checkpoint.name, "size": matched.checkpoint.stored_size},
        versions={"muggle-convert": VERSION},
        dropped={
            dropped.entry.name: LeftOut(dropped.reason, _written(dropped.entry.dtype, options), dropped.entry.shape)
            for dropped in settled.dropped
        },
        aliases=settled.aliases,
        licence=licence,
    )


def _written(dtype: DType, options: WriteOptions) -> DType:
    """The element type a tensor of the source has, or would have, in the target."""
    return FLOAT_TYPES[options.dtype] if options.dtype and dtype.is_floating else dtype


def _dtype(name: str | None) -> DType | None:
    if name is not None and name not in FLOAT_TYPES:
        raise Refusal(f"{name!r} is not an element type to convert to; choose {', '.join(FLOAT_TYPES)}.")
    return None if name is None else FLOAT_TYPES[name]


def _not_finite(counts: Mapping[str, int]) -> str:
    return _counted(counts, "NaN or infinite")


def _counted(counts: Mapping[str, int], what: str) -> str:
    """How many elements are affected, and in which tensors."""
    total = sum(counts.values())
    named = ", ".join(f"{count} in {printable(name)}" for name, count in list(counts.items())[:MOST_NAMED])
    more = f" and more in {len(counts) - MOST_NAMED} other tensors" if len(counts) > MOST_NAMED else ""
    return f"{total:,} {'element is' if total == 1 else 'elements are'} {what}: {named}{more}"
