"""The hybrids of a fork of DPT, whose attention is another one. Their reference cases are run by test_dpt_hybrid.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.build import build
from model_defs.config import DPTConfig, FullAttentionConfig, MemoryCompressedConfig, PerformerConfig
from muggle_convert import Refusal, convert, export, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_hybrid import LAYOUTS
from muggle_convert.families.shared.evidence import Source
from tests.families.variants.efficient_attention import configuration, layout
from tests.goldens import golden
from tests.originals import match_file, save_original

FAMILY = BY_NAME["dpt_hybrid"]


def saved(config: DPTConfig, path: Path) -> Path:
    return save_original(build(config), LAYOUTS[layout(config)], path)


@settings(max_examples=30, deadline=None)
@given(heads=st.integers(1, 16), head_width=st.integers(1, 99), features=st.integers(1, 400), rate=st.integers(1, 9))
def test_every_name_has_one_rule_in_both_directions(heads: int, head_width: int, features: int, rate: int) -> None:
    for attention in (PerformerConfig(head_width, features), MemoryCompressedConfig(rate), FullAttentionConfig()):
        config = configuration(width=64 * heads, heads=heads, attention=attention)
        LAYOUTS[layout(config)].check(FAMILY.inventory(config))


def test_the_forks_name_does_not_turn_its_plain_depth_over(tmp_path: Path) -> None:
    matched = match_file(golden("hybrid_performer").save(tmp_path, "dpt_hybrid_custom-kitti-abcdefgh.pt"))
    assert not matched.config.output.invert
    assert str(matched.evidence["output.kind"]).startswith(
        "assumed: the fork's code inverts no prediction, whatever dpt_hybrid_custom-kitti"
    )
    assert matched.evidence["image.size"].source is Source.FILE_NAME


@pytest.mark.parametrize("case", ["hybrid_performer", "hybrid_memory_compressed"])
def test_the_way_back_ends_at_the_forks_names(case: str, tmp_path: Path) -> None:
    source = golden(case).save(tmp_path)
    convert(source, tmp_path / "converted.safetensors", keep_unused=True)
    export(tmp_path / "converted.safetensors", tmp_path / "back.pt", to="original")
    before, after = (torch.load(path, weights_only=True) for path in (source, tmp_path / "back.pt"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_transformers_has_no_such_attention(tmp_path: Path) -> None:
    convert(golden("hybrid_performer").save(tmp_path), tmp_path / "converted.safetensors")
    with pytest.raises(Refusal, match="has no place"):
        export(tmp_path / "converted.safetensors", tmp_path / "folder", to="transformers")


def test_transformers_does_not_align_the_corners_of_positions(tmp_path: Path) -> None:
    convert(saved(configuration(), tmp_path / "fork.pt"), tmp_path / "converted.safetensors", overrides={"taps": "1,3"})
    with pytest.raises(Refusal, match="aligned corners"):
        export(tmp_path / "converted.safetensors", tmp_path / "folder", to="transformers")


def test_a_blocks_attention_of_another_shape_is_refused(tmp_path: Path) -> None:
    state = golden("hybrid_memory_compressed").state_dict()
    name = "pretrained.model.blocks.7.attn.compress_fn.conv.weight"
    torch.save({**state, name: state[name][..., :2].contiguous()}, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"blocks\.7.*expected"):
        load_any_dpt(tmp_path / "model.pt")
