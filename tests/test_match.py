from __future__ import annotations

from pathlib import Path

import pytest

from muggle_convert import Refusal
from muggle_convert.conversion import Options, read
from tests.goldens import golden

CASE = golden("depth_anything_v2")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return CASE.save(tmp_path, "depth_anything_v2_vits.pth")


@pytest.mark.parametrize("template", ["{n+}", "a{", "{n", "a}", "{n}.{n//" + "9" * 5000 + "}"], ids=range(5))
def test_a_drop_that_is_no_template_is_refused(template: str, checkpoint: Path) -> None:
    with pytest.raises(Refusal, match=r"^--drop .*\.$"):
        read(checkpoint, Options(drops=(template,)))


def test_a_drop_that_means_no_tensor_is_refused(checkpoint: Path) -> None:
    with pytest.raises(Refusal, match=r"holds no tensor that --drop 'pretrained\.mask' could mean"):
        read(checkpoint, Options(drops=("pretrained.mask_token", "pretrained.mask")))
