"""The command line under strangers' files, in processes whose memory and time are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy

from tests.hostile import forge
from tests.hostile.tiny import FAMILY, tiny_arrays

MOST_MEBIBYTES = 200
MOST_SECONDS = 5


@dataclass
class Outcome:
    """What a run of the command line came to."""

    status: int
    out: str
    err: str
    seconds: float
    busy: float  # seconds of the processor, which do not depend on what else the machine does
    mebibytes: float


RUNS: list[Outcome] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):  # also from other processes
        for name, value in report.user_properties:
            if name == "fuzzing":
                terminalreporter.write_line(value)
    if RUNS:
        memory, time = max(run.mebibytes for run in RUNS), max(run.busy for run in RUNS)
        terminalreporter.write_line(f"{len(RUNS)} runs of the command line: at most {memory:.0f} MiB and {time:.1f} s of the processor")


class CommandLine:
    """Runs of the command line."""

    def __init__(self) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        zygote = Path(__file__).with_name("zygote.py")
        self._zygote = subprocess.Popen([sys.executable, zygote], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self._read()

    def run(self, *arguments: object, **more: Any) -> Outcome:
        self._zygote.stdin.write(json.dumps({"arguments": [str(argument) for argument in arguments], **more}) + "\n")  # type: ignore[union-attr]
        self._zygote.stdin.flush()  # type: ignore[union-attr]
        RUNS.append(Outcome(**self._read()))
        return RUNS[-1]

    def _read(self) -> Any:
        return json.loads(self._zygote.stdout.readline())  # type: ignore[union-attr]

    def close(self) -> None:
        self._zygote.stdin.close()  # type: ignore[union-attr]
        self._zygote.wait(10)


@pytest.fixture(scope="session")
def command_line() -> Iterator[CommandLine]:
    line = CommandLine()
    yield line
    line.close()


class Hostile:
    """One folder in which a hostile file lies, and what may become of it."""

    def __init__(self, command_line: CommandLine, folder: Path, reference: dict[str, bytes]) -> None:
        self.command_line = command_line
        self.reference = reference
        self.folder = folder / "work"
        self.folder.mkdir()
        self.source = self.folder / "source.pth"
        self.target = self.folder / "target.safetensors"
        self.canary = folder / "canary"
        self.arrays = tiny_arrays()

    @property
    def payload(self) -> bytes:
        """The opcodes of an argument with which os.system would leave the canary."""
        return forge.text(f"touch '{self.canary}'")

    def convert(self, source: Path | None = None, *options: str, **more: Any) -> Outcome:
        """Run the conversion; whatever becomes of it, nothing may be executed and the machine not exhausted."""
        outcome = self.command_line.run(source or self.source, "-o", self.target, *FAMILY, *options, **more)
        assert "Traceback" not in outcome.err, outcome.err
        assert outcome.mebibytes < MOST_MEBIBYTES
        assert outcome.busy < MOST_SECONDS
        assert not self.canary.exists()
        return outcome

    def refused(self, content: bytes | None = None, *options: str, source: Path | None = None, **more: Any) -> str:
        """The one line with which a file is refused, after which everything is as before."""
        if content is not None:
            self.source.write_bytes(content)
        before = self.listing()
        outcome = self.convert(source, *options, **more)
        assert outcome.status == 1, (outcome.status, outcome.out, outcome.err)
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.isascii() or outcome.err.rstrip("\n").isprintable()
        assert not any(
            f"{ending}: {begin} " in outcome.err for ending in (".pth", ".pt", ".safetensors") for begin in ("is", "it", "its", "has")
        )
        assert self.listing() == before
        return outcome.err

    def converted(self, content: bytes | None = None, *options: str) -> Outcome:
        """A file that is odd but right, and becomes what the plain one would become."""
        if content is not None:
            self.source.write_bytes(content)
        outcome = self.convert(None, *options, "--force")
        assert outcome.status == 0, outcome.err
        assert {path.name for path in self.folder.iterdir()} == {self.source.name, self.target.name}
        assert tensors_in(self.target) == self.reference
        return outcome

    def listing(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else b"" for path in self.folder.rglob("*")}

    # The plain file, to be changed.

    def state(self, legacy: bool = False) -> dict[str, bytes]:
        return forge.state(self.arrays, legacy)

    @property
    def records(self) -> dict[str, bytes]:
        return forge.records_of(self.arrays)

    def file(self, **beside: bytes) -> bytes:
        """A training checkpoint with the model under `model`, and more beside it."""
        return forge.torch_zip(forge.mapping({"model": forge.mapping(self.state()), **beside}), self.records)

    def entries(self) -> list[forge.Entry]:
        return forge.archive(forge.pickled(forge.mapping(self.state())), self.records)


def tensors_in(path: Path) -> dict[str, bytes]:
    """What a target holds, as the safetensors library reads it."""
    return {name: array.tobytes() for name, array in safetensors.numpy.load_file(path).items()}


@pytest.fixture(scope="session")
def reference(command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the plain file becomes: all its values, of which the positions are split and the unit that never runs is dropped."""
    folder = tmp_path_factory.mktemp("reference")
    arrays = tiny_arrays()
    (folder / "plain.pth").write_bytes(forge.torch_zip(forge.mapping(forge.state(arrays)), forge.records_of(arrays)))
    outcome = command_line.run(folder / "plain.pth", "-o", folder / "plain.safetensors", *FAMILY)
    assert outcome.status == 0, outcome.err
    converted = tensors_in(folder / "plain.safetensors")
    values = {name: array.tobytes() for name, array in arrays.items() if "refinenet4.resConfUnit1" not in name}
    positions = values.pop("pretrained.pos_embed")
    assert sorted(converted.values()) == sorted([*values.values(), positions[:256], positions[256:]])
    return converted


@pytest.fixture
def hostile(command_line: CommandLine, tmp_path: Path, reference: dict[str, bytes]) -> Hostile:
    return Hostile(command_line, tmp_path, reference)
