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
from muggle_convert.document import KEY
from muggle_convert.errors import Contradiction


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
