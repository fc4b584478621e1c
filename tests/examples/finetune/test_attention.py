from __future__ import annotations

from pathlib import Path

import pytest

from examples.finetune.attention import plugged
from model_defs.config import DINOv2Config, MemoryCompressedConfig, PerformerConfig
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL


def test_heads_stay_as_wide_as_they_were_and_what_became_of_the_weights_is_said(model: Path) -> None:
    new = plugged(load_any_dpt(model), "performer")
    encoder = new.model.config.encoder
    assert isinstance(encoder, DINOv2Config)
    assert encoder.attention == PerformerConfig(head_width=64, features=266)
    assert new.remark.endswith("not taken over: 4 x attn.qkv.bias; new: 4 x attn.directions")
    assert str(new.changes["encoder.attention.kind"]) == "flag: --attention performer"


def test_another_one_is_plugged_in_the_same_way(model: Path) -> None:
    encoder = plugged(load_any_dpt(model), "memory-compressed").model.config.encoder
    assert isinstance(encoder, DINOv2Config)
    assert encoder.attention == MemoryCompressedConfig(2)


@pytest.mark.parametrize("name", ["dpt_beit", "midas_v21"])
def test_where_there_is_no_such_place_that_is_said(name: str) -> None:
    with pytest.raises(Refusal, match=f"the attention of {name} cannot be another one"):
        plugged(with_predict(SMALL[name].network()), "performer")
