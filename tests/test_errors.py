from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from muggle_convert import Refusal, inspect
from muggle_convert.families.shared.evidence import Contradiction
from muggle_convert.identify.document import KEY


@pytest.mark.parametrize("kind", [Refusal, Contradiction])
@pytest.mark.parametrize("sentence", ["it is broken", "it is broken."])
def test_a_refusal_ends_in_one_full_stop(kind: type[Refusal], sentence: str) -> None:
    assert str(kind(sentence)) == "it is broken."


def test_a_refusal_within_another_ends_it() -> None:
    assert str(Refusal(f"file.pth: {Refusal('it is broken')}")) == "file.pth: it is broken."


@pytest.mark.parametrize("duplicate", [copy.copy, lambda refusal: pickle.loads(pickle.dumps(refusal))], ids=["copied", "pickled"])
def test_a_refusal_comes_through_a_pool_of_processes_as_it_was(duplicate: Callable[[Refusal], Any]) -> None:
    assert str(duplicate(Refusal("it is broken"))) == "it is broken."


def test_a_missing_file_is_one_whole_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"^cannot open .*nosuch\.pth: No such file or directory\.$"):
        inspect(tmp_path / "nosuch.pth")


def test_a_broken_description_is_one_whole_sentence(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(1)}, tmp_path / "model.safetensors", metadata={KEY: "{"})
    with pytest.raises(Refusal, match=r"is damaged \(its JSON is broken: [^.]*\); convert the original again\.$"):
        inspect(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.pth is empty; download it again."),
        (b"nonsense", "x.pth is neither a checkpoint of torch nor a safetensors file; it begins with 6e 6f 6e 73 65 6e 73 65."),
        (b"[]", "x.pth is JSON, not a checkpoint"),
        (b"\2\0\0\0\0\0\0\0{]", "x.pth's JSON is broken: "),
        (pickle.dumps({}), "x.pth is a Python pickle but not one that torch.save wrote"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_of_it_by_its_name(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        inspect(tmp_path / "x.pth")
    assert str(refusal.value).startswith(f"{tmp_path}/{sentence}")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (7, "x.pth holds 7, not a state dict"),
        (
            {"one": {"a": torch.ones(1)}, "two": {"a": torch.ones(1)}},
            "x.pth has several state dicts, 'one', 'two'; say which with --state KEY.",
        ),
        ({"a": torch.ones(2).to_sparse()}, "x.pth: tensor a is a sparse tensor"),
    ],
)
def test_what_is_wrong_with_its_values_is_too(value: Any, sentence: str, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "x.pth")
    with pytest.raises(Refusal) as refusal:
        inspect(tmp_path / "x.pth")
    assert str(refusal.value).startswith(f"{tmp_path}/{sentence}")
