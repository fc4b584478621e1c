from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model_defs.build import build
from model_defs.config import CroCoConfig, DepthHeadConfig, DPTConfig, FusionConfig, ReassembleConfig
from model_defs.plain_values import leaves
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.dust3r import ORIGINAL
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.training_call import keywords
from muggle_convert.hub.zoo import entry
from tests.conftest import Command
from tests.families.variants.dust3r import configuration
from tests.goldens import uint8_picture
from tests.originals import match_file, original_state, save_original

FAMILY = BY_NAME["dust3r"]
CALL = (
    "AsymmetricCroCo3DStereo(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(512, 384), head_type='dpt', "
    "output_mode='pts3d', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), enc_num_heads=2, dec_num_heads=4)"
)


def saved(path: Path, config: DPTConfig | None = None, **arguments: Any) -> Path:
    """A training checkpoint."""
    state = original_state(build(config or configuration()), ORIGINAL)
    torch.save({"args": argparse.Namespace(**arguments), "model": state, "epoch": 3}, path)
    return path


@settings(max_examples=30, deadline=None)
@given(heads=st.integers(1, 20), depth=st.integers(1, 40), decoder_depth=st.integers(1, 30), two_decoders=st.booleans())
def test_every_name_has_one_rule_in_both_directions(heads: int, depth: int, decoder_depth: int, two_decoders: bool) -> None:
    config = configuration(64 * heads, 64, depth, decoder_depth, two_decoders)
    ORIGINAL.check(FAMILY.inventory(config))


def test_the_released_model_has_its_1009_tensors_and_its_name(tmp_path: Path) -> None:
    encoder = CroCoConfig(1024, 24, 16, 4096, 16, 768, 12, 12, 3072, True, 100.0, (0, 6, 9, 12))
    config = replace(
        configuration(),
        encoder=encoder,
        reassemble=ReassembleConfig((96, 192, 384, 768), "none"),
        fusion=FusionConfig((256,) * 4, "double and crop"),
        head=DepthHeadConfig(128, 128, 4, "double"),
    )
    hidden_patch, aliases, never_read = 1, 8, 8
    assert len(FAMILY.inventory(config)) + hidden_patch + aliases + never_read == 1009
    values = leaves(config)
    assert all(values[path] == value for path, value in FAMILY.released[0].values.items())


def test_training_arguments_are_evidence(tmp_path: Path) -> None:
    matched = match_file(saved(tmp_path / "dust3r.pth", configuration(128, 64), model=CALL))
    encoder = matched.config.encoder
    assert isinstance(encoder, CroCoConfig)
    assert (encoder.heads, encoder.decoder_heads, matched.config.image.size) == (2, 4, 512)
    for path in ("encoder.heads", "encoder.decoder_heads", "encoder.rotation_base", "image.size", "output.kind"):
        assert matched.evidence[path].source is Source.ARGUMENTS, path


def test_every_value_that_training_tells_has_evidence(tmp_path: Path) -> None:
    matched = match_file(saved(tmp_path / "dust3r.pth", model=CALL))
    assert {path for path, value in leaves(matched.config).items() if value is not None} <= set(matched.evidence)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("depth_mode=('exp'", "depth_mode=('square'", "depth_mode"),
        ("conf_mode=('exp', 1", "conf_mode=('sigmoid', 1", "conf_mode"),
        ("'RoPE100'", "'cosine'", "pos_embed"),
        ("enc_num_heads=2", "enc_num_heads=48", "48 heads"),
    ],
)
def test_what_the_network_does_not_do_is_refused_by_name(before: str, after: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=words):
        match_file(saved(tmp_path / "dust3r.pth", model=CALL.replace(before, after)))


def test_a_flag_is_trusted_more_than_the_arguments(tmp_path: Path) -> None:
    encoder = match_file(saved(tmp_path / "dust3r.pth", model=CALL), heads=4).config.encoder
    assert isinstance(encoder, CroCoConfig) and encoder.heads == 4


def test_the_linear_head_is_recognised_and_refused_by_name(tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    state = {name: tensor for name, tensor in state.items() if "downstream_head" not in name}
    for view in (1, 2):
        state |= {f"downstream_head{view}.proj.weight": torch.zeros(1024, 64), f"downstream_head{view}.proj.bias": torch.zeros(1024)}
    torch.save({"model": state}, tmp_path / "DUSt3R_ViTLarge_BaseDecoder_224_linear.pth")
    with pytest.raises(Refusal, match="linear head"):
        match_file(tmp_path / "DUSt3R_ViTLarge_BaseDecoder_224_linear.pth")


@pytest.mark.parametrize(
    ("alias", "tensor"),
    [
        ("downstream_head1.dpt.scratch.layer_rn.0.weight", "downstream_head1.dpt.scratch.layer1_rn.weight"),
        ("downstream_head2.dpt.act_4_postprocess.1.bias", "downstream_head2.dpt.act_postprocess.3.1.bias"),
    ],
)
def test_an_alias_is_left_out_where_it_is_the_same_and_refused_where_not(alias: str, tensor: str, tmp_path: Path) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    torch.save({**state, alias: state[tensor].clone()}, tmp_path / "same.pth")
    torch.save({**state, alias: state[tensor] + 1}, tmp_path / "other.pth")
    report = convert(tmp_path / "same.pth", tmp_path / "same.safetensors")
    assert report.document.dropped[alias].reason == f"the same as {tensor}"
    with pytest.raises(Refusal, match=r"two names"):
        convert(tmp_path / "other.pth", tmp_path / "other.safetensors")


def test_without_a_second_decoder_the_first_serves_both_views(tmp_path: Path) -> None:
    model = load_any_dpt(save_original(build(configuration(two_decoders=False)), ORIGINAL, tmp_path / "model.pth"))
    both = build(configuration()).eval()
    state = model.state_dict()
    both.load_state_dict(state | {name.replace("first", "second"): state[name] for name in state if name.startswith("decoder.first")})
    views = torch.randn(2, 1, 3, 32, 48)
    with torch.inference_mode():
        assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(model(*views).values(), both(*views).values(), strict=True))


def test_a_call_is_read_and_not_run() -> None:
    assert keywords("Net(a=1, b=('exp', -inf, inf), c=open('x'), d=-2)") == {"a": 1, "b": ("exp", -float("inf"), float("inf")), "d": -2}
    assert keywords("no call") == keywords("f(") == keywords("(" * 4000) == {}


def test_the_zoo_carries_the_licence() -> None:
    assert entry("DUSt3R_ViTLarge_BaseDecoder_512_dpt").is_non_commercial


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for number, path in enumerate(paths):
        Image.fromarray(uint8_picture(70, 101, number)).save(path)
    return paths


def test_two_pictures_become_the_points_of_both_views(photographs: list[Path], tmp_path: Path) -> None:
    model = load_any_dpt(saved(tmp_path / "dust3r.pth", model=CALL.replace("(512, 384)", "(96, 96)")))
    for view in model.predict(*photographs):  # type: ignore[call-overload]
        assert view.picture.shape == view.points.shape == (64, 96, 3)
        assert view.confidence.shape == (64, 96) and view.confidence.min() >= 1


def test_a_single_picture_is_refused_for_two_are_needed(photographs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"two pictures .* one was given"):
        load_any_dpt(saved(tmp_path / "dust3r.pth")).predict(photographs[0])


def test_depth_of_two_pictures_is_one_file_of_trusted_points(photographs: list[Path], tmp_path: Path, muggle_convert: Command) -> None:
    model = saved(tmp_path / "dust3r.pth", model=CALL.replace("(512, 384)", "(96, 96)"))
    done = muggle_convert("depth", *photographs, "-m", model, "-o", tmp_path / "pair.ply", "--confidence", 1)
    assert done.returncode == 0, done.stderr
    head, _, body = (tmp_path / "pair.ply").read_bytes().partition(b"end_header\n")
    assert b"element vertex 12288\n" in head and len(body) == 12288 * 15
    points = np.frombuffer(body, [("points", "<f4", 3), ("colours", "u1", 3)])
    first, second = load_any_dpt(model).predict(*photographs)  # type: ignore[call-overload]
    assert np.allclose(points["points"][: 64 * 96], first.points.reshape(-1, 3) * [1, -1, -1], rtol=1e-4, atol=1e-5)
    assert np.array_equal(points["colours"][64 * 96 :], second.picture.reshape(-1, 3))


def test_where_nothing_is_trusted_nothing_is_written(photographs: list[Path], tmp_path: Path, muggle_convert: Command) -> None:
    done = muggle_convert(
        "depth", *photographs, "-m", saved(tmp_path / "d.pth"), "-o", tmp_path / "p.ply", "--confidence", 1e30, "--size", 96
    )
    assert done.returncode == 1 and "no point is trusted" in done.stderr and not (tmp_path / "p.ply").exists()


def test_one_picture_is_refused_with_how_to_give_two(photographs: list[Path], tmp_path: Path, muggle_convert: Command) -> None:
    done = muggle_convert("depth", photographs[0], "-m", saved(tmp_path / "dust3r.pth"), "-o", tmp_path / "out.ply")
    assert done.returncode == 1 and "two pictures" in done.stderr and done.stderr.count("\n") == 1
