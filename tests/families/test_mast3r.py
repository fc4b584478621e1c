"""What MASt3R has of its own; tests/families/test_dust3r.py has what it shares with DUSt3R."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model_defs.build import build
from model_defs.config import CroCoConfig, FusionConfig, MatchingHeadConfig, ReassembleConfig
from model_defs.plain_values import leaves
from muggle_convert import DescribedView, Refusal, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.mast3r import ORIGINAL
from muggle_convert.families.shared.evidence import Source
from muggle_convert.hub.zoo import entry
from tests.families.variants.mast3r import configuration
from tests.goldens import golden, uint8_picture
from tests.originals import match_file, original_state

FAMILY = BY_NAME["mast3r"]
CALL = (
    "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(512, 512), head_type='catmlp+dpt', "
    "output_mode='pts3d+desc5', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), enc_num_heads=1, dec_num_heads=1, "
    "two_confs=True, desc_conf_mode=('exp', 0, inf))"
)


def saved(path: Path, **arguments: Any) -> Path:
    """A checkpoint as it is published."""
    torch.save({"args": argparse.Namespace(**arguments), "model": original_state(build(configuration()), ORIGINAL)}, path)
    return path


def test_the_released_model_has_its_1017_tensors_and_its_name() -> None:
    config = replace(
        configuration(),
        encoder=CroCoConfig(1024, 24, 16, 4096, 16, 768, 12, 12, 3072, True, 100.0, (0, 6, 9, 12)),
        reassemble=ReassembleConfig((96, 192, 384, 768), "none"),
        fusion=FusionConfig((256,) * 4, "double and crop"),
        head=MatchingHeadConfig(128, 128, 4, "double", descriptors=24, descriptor_mlp_width=7168),
    )
    config = replace(config, output=replace(config.output, kind="metric points"))
    hidden_patch, aliases, never_read = 1, 8, 8
    assert len(FAMILY.inventory(config)) + hidden_patch + aliases + never_read == 1017
    values = leaves(config)
    assert all(values[path] == value for path, value in FAMILY.released[0].values.items())


def test_training_arguments_are_evidence_and_every_value_has_some(tmp_path: Path) -> None:
    matched = match_file(saved(tmp_path / "mast3r.pth", model=CALL))
    assert matched.config == replace(configuration(), output=matched.config.output)
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("two_confs=True", "two_confs=False"),
        ("desc_conf_mode=('exp', 0", "desc_conf_mode=('exp', 1"),
        ("pts3d+desc5", "pts3d+desc24"),
    ],
)
def test_what_the_network_does_not_do_is_refused_by_name(before: str, after: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=after.partition("=")[0].partition("+")[0]):
        match_file(saved(tmp_path / "mast3r.pth", model=CALL.replace(before, after)))


def test_points_are_in_metres_only_where_the_name_or_a_flag_says_so(tmp_path: Path) -> None:
    named = match_file(saved(tmp_path / "MASt3R_catmlpdpt_metric.pth"))
    assert named.config.output.kind == "metric points" and named.evidence["output.kind"].source is Source.FILE_NAME
    assert match_file(saved(tmp_path / "mast3r.pth")).config.output.kind == "points"
    assert match_file(tmp_path / "mast3r.pth", metric=True).config.output.kind == "metric points"
    assert match_file(tmp_path / "MASt3R_catmlpdpt_metric.pth", metric=False).config.output.kind == "points"


def test_a_dust3r_is_no_mast3r_and_the_other_way_round(tmp_path: Path) -> None:
    for name in ("dust3r_small", "mast3r_small"):
        assert match_file(golden(name).save(tmp_path, "model.pth")).config.family == name.partition("_")[0]


def test_descriptions_have_length_one_and_come_with_the_points(tmp_path: Path) -> None:
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for number, path in enumerate(paths):
        Image.fromarray(uint8_picture(70, 101, number)).save(path)
    model = load_any_dpt(saved(tmp_path / "mast3r.pth", model=CALL.replace("(512, 512)", "(96, 96)")))
    for view in model.predict(*paths):
        assert isinstance(view, DescribedView)
        assert view.descriptors.shape == (64, 96, 5) and view.descriptor_confidence.shape == (64, 96)
        assert np.allclose(np.linalg.norm(view.descriptors, axis=-1), 1, atol=1e-5)


def test_the_zoo_carries_the_licence() -> None:
    assert entry("MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric").is_non_commercial
