"""What SECURITY.md promises of the code as a whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from muggle_convert import load_any_dpt
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import FORMATS
from tests.hostile import forge

ROOT = Path(__file__).parents[2]
PACKAGES = ("muggle_convert", "model_defs")
UNPICKLING_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
RUNNING = {"eval", "exec", "compile", "__import__"}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                yield path, node


def test_nothing_here_can_unpickle() -> None:
    for path, node in nodes():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.partition(".")[0] for name in names} & UNPICKLING_MODULES, path


def test_nothing_here_calls_what_runs_text_or_unpickles_behind_another_name() -> None:
    for path, node in nodes():
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in RUNNING, path
        assert called not in {"torch.load", "torch.jit.load", "torch.package.PackageImporter", "yaml.load"}, path
        if called in {"np.load", "numpy.load"}:
            assert any(keyword.arg == "allow_pickle" and ast.unparse(keyword.value) == "False" for keyword in node.keywords), path


def test_pictures_are_opened_as_what_is_listed_and_never_as_programs() -> None:
    for path, node in nodes():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
            assert any(keyword.arg == "formats" for keyword in node.keywords), path
    assert not {"EPS", "WMF", "MPEG", "FPX", "MIC"} & set(FORMATS)


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    path = tmp_path / "evil.pth"
    path.write_bytes(forge.torch_zip(forge.call(forge.glob("posix", "system"), forge.text(f"touch '{tmp_path / 'canary'}'"))))
    return path


def commands(evil: Path) -> Iterator[list[object]]:
    folder = evil.parent
    out = folder / "out.safetensors"
    yield ["convert", evil, "-o", out]
    yield ["inspect", evil]
    yield ["verify", evil, evil]
    yield ["export", evil, "--to", "original", "-o", folder / "out.pth"]
    yield ["export", evil, "--to", "transformers", "-o", folder / "out"]
    yield ["push", evil, "some/where", "--dry-run", "--license", "MIT"]
    yield ["depth", folder / "pictures", "-m", evil, "-o", folder / "out"]
    yield ["eval", evil, "--images", folder / "pictures", "--truth", folder / "truth"]


@pytest.mark.parametrize("number", range(8))
def test_every_command_refuses_a_file_that_would_run_something(muggle_convert, evil, number) -> None:
    for name in ("pictures", "truth"):
        (evil.parent / name).mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(evil.parent / "pictures" / "a.png")
    np.save(evil.parent / "truth" / "a.npy", np.ones((8, 8), np.float32))
    done = muggle_convert(*list(commands(evil))[number])
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "a call of posix.system" in done.stderr
    assert {path.name for path in evil.parent.iterdir()} == {"evil.pth", "pictures", "truth"}


def test_loading_refuses_a_file_that_would_run_something(evil) -> None:
    with pytest.raises(Refusal, match=r"a call of posix\.system"):
        load_any_dpt(evil)
    assert not (evil.parent / "canary").exists()
