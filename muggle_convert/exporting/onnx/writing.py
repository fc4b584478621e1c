"""Writing a graph: beside its target under a name of its own until it has proved itself, and in the same bytes each time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import onnx_ir

LARGEST = 1_900_000_000  # bytes of weights in a file, which may have two gigabytes in all; those of more lie in a file beside it
ALONE = 1024  # bytes of a tensor that stays in the graph then


@contextmanager
def drafts(targets: Sequence[Path], force: bool, sync: bool) -> Iterator[Path]:
    """A folder beside the first target; the files in it get their names if all goes well, the first one last."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{targets[0].name[:50]}.", suffix=".partial", dir=targets[0].parent))
    except OSError as problem:
        raise Refusal(f"cannot write {printable(targets[0])}: {problem.strerror}; nothing was written.") from None
    try:
        yield folder
        for target in reversed(targets):
            draft = folder / target.name
            if not draft.exists():  # no weights lie beside a small graph
                continue
            draft.chmod(0o666 & ~_mask())
            if sync:
                _synced(draft)
            if force:
                draft.replace(target)
            else:
                os.link(draft, target)
    except OSError as problem:
        raise Refusal(f"cannot write {printable(targets[0])}: {problem.strerror or problem}; nothing was written.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def beside(target: Path) -> Path:
    """Where the weights of a large graph lie."""
    return target.with_name(f"{target.name}.data")


def save(model: onnx_ir.Model, path: Path) -> None:
    import onnx_ir

    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    if weights > LARGEST:
        onnx_ir.save(model, path, external_data=beside(path).name, size_threshold_bytes=ALONE)
    else:
        path.write_bytes(onnx_ir.to_proto(model).SerializeToString(deterministic=True))


def describe(path: Path, metadata: Mapping[str, str]) -> None:
    """Two messages one after the other are one with the contents of both: what is known only now goes after the graph."""
    import onnx

    said = onnx.ModelProto()
    for key, value in sorted(metadata.items()):
        said.metadata_props.add(key=key, value=value)
    with open(path, "ab") as file:
        file.write(said.SerializeToString(deterministic=True))


def _synced(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _mask() -> int:
    """The process's own, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
