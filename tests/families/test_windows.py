"""What holds for the files of Swin and of Swin V2 alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_defs.config import Swin2Config, SwinConfig
from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Source
from tests.families.swin_files import INDEX, MASK, TABLE, buffers, configuration, save
from tests.families.variants.windows import SIZES, VARIANTS
from tests.goldens import golden
from tests.originals import match_file


@settings(max_examples=50, deadline=None)
@given(
    depths=st.tuples(*[st.integers(1, 20)] * 4),
    layout=st.sampled_from(["original", "timm 0.9"]),
    version=st.sampled_from([1, 2]),
    batch_norm=st.booleans(),
)
def test_every_name_has_one_rule_in_both_directions(depths: tuple[int, ...], layout: str, version: int, batch_norm: bool) -> None:
    sizes = (8, depths, (1, 1, 2, 2), (16, 32, 64, 128))
    encoder = SwinConfig(*sizes, (4, 4, 4, 4), 4, (32, 32)) if version == 1 else Swin2Config(*sizes, 4, (0, 0, 0, 0), 16, 4, (32, 32))
    config = configuration("dpt_swin" if version == 1 else "dpt_swin2", encoder, batch_norm)
    family = BY_NAME[config.family]
    family.layouts[layout].check(family.inventory(config))


@pytest.mark.parametrize("name", ["Swin", "Swin V2"])
def test_masks_tell_the_grid(name: str, tmp_path: Path) -> None:
    evidence = match_file(save(VARIANTS[name](), tmp_path / "model.pt", MASK)).evidence
    assert evidence["encoder.grid"].source is Source.BUFFER
    assert "pretrained.model.layers.0.blocks.1.attn_mask is [" in evidence["image.size"].detail


@pytest.mark.parametrize("name", ["swin", "swin2"])
@pytest.mark.parametrize("classifier", ["head", "head.fc", None])
@pytest.mark.parametrize("buffered", [True, False], ids=["with buffers", "without"])
def test_every_way_to_save_a_model_converts_to_the_same_tensors(name: str, classifier: str | None, buffered: bool, tmp_path: Path) -> None:
    case = golden(name)
    state = case.state_dict()
    head = "pretrained.model.head."
    other = {key: tensor for key, tensor in state.items() if not key.startswith(head) and (buffered or "attn_mask" not in key)}
    if not buffered:
        other = {key: tensor for key, tensor in other.items() if "relative_position_index" not in key}
    if classifier:
        other |= {f"pretrained.model.{classifier}.{part}": state[head + part] for part in ("weight", "bias")}
    torch.save(other, tmp_path / "other.pt")
    written = []
    for source in (case.save(tmp_path), tmp_path / "other.pt"):
        convert(source, tmp_path / f"{source.stem}.safetensors", overrides={"size": 128, **({"window": 4} if name == "swin2" else {})})
        written.append(load_any_dpt(tmp_path / f"{source.stem}.safetensors"))
    one, two = (model.state_dict() for model in written)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert written[0].config == written[1].config


@pytest.mark.parametrize(
    ("case", "buffer"),
    [
        ("swin", "pretrained.model.layers.0.blocks.1.attn_mask"),
        ("swin", "pretrained.model.layers.2.blocks.3.attn_mask"),
        ("swin", "pretrained.model.layers.3.blocks.0.attn.relative_position_index"),
        ("swin2", "pretrained.model.layers.1.blocks.1.attn_mask"),
        ("swin2_pretrained_table", "pretrained.model.layers.2.blocks.4.attn.relative_position_index"),
        ("swin2_pretrained_table", "pretrained.model.layers.2.blocks.4.attn.relative_coords_table"),
    ],
)
def test_a_buffer_that_is_not_what_it_is_computed_as_is_refused_by_name(case: str, buffer: str, tmp_path: Path) -> None:
    state = golden(case).state_dict()
    state[buffer].view(-1)[5] += 1
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=rf"stores other values in {buffer.replace('.', '[.]')} than its configuration gives"):
        convert(tmp_path / "model.pt", tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_buffers_of_another_grid_are_refused_by_name(tmp_path: Path) -> None:
    one, other = VARIANTS["Swin"](), configuration("dpt_swin", SwinConfig(*SIZES, (4, 4, 4, 4), 4, (64, 64)))
    stray = {name: mask for name, mask in buffers(other, MASK).items() if "layers.1.blocks.1." in name}
    with pytest.raises(Refusal, match=r"stores pretrained\.model\.layers\.1\.blocks\.1\.attn_mask of shape \[64, 16, 16\]"):
        load_any_dpt(save(one, tmp_path / "model.pt", MASK, more=stray))


@pytest.mark.parametrize("name", [MASK.format(0, 0), MASK.format(3, 1), MASK.format(7, 1), INDEX.format(0, 9)])
def test_buffers_where_a_network_has_none_are_refused_by_name(name: str, tmp_path: Path) -> None:
    stray = {name: torch.zeros(64, 16, 16)}
    with pytest.raises(Refusal, match=rf"{name.replace('.', '[.]')} of shape \[64, 16, 16\], but its configuration gives \[0\]"):
        load_any_dpt(save(VARIANTS["Swin"](), tmp_path / "model.pt", MASK, more=stray))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_buffers_of_half_precision_files_are_compared_as_such(dtype: torch.dtype, tmp_path: Path) -> None:
    case = golden("swin2_pretrained_table")
    halves = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in case.state_dict().items()}
    torch.save(halves, tmp_path / "half.pt")
    encoder = load_any_dpt(tmp_path / "half.pt").config.encoder
    assert isinstance(encoder, Swin2Config) and encoder.pretrained_windows == (4, 4, 4, 2)


def test_buffers_too_large_to_compare_are_refused_before_they_are_made(tmp_path: Path) -> None:
    config = configuration("dpt_swin2", Swin2Config(*SIZES, 32, (0, 0, 0, 0), 16, 4, (128, 128)))
    mask = torch.zeros(1).expand(16, 1024, 1024)
    file = save(config, tmp_path / "model.pt", more={MASK.format(0, 1): mask})
    with pytest.raises(Refusal, match=r"buffers of 16,777,216 elements, more than the 8,388,608 .* --drop"):
        load_any_dpt(file)


def test_a_mask_of_no_grid_is_refused(tmp_path: Path) -> None:
    file = save(VARIANTS["Swin V2"](), tmp_path / "model.pt", more={MASK.format(0, 1): torch.zeros(63, 16, 16)})
    with pytest.raises(Refusal, match=r"attn_mask is \[63, 16, 16\], which is the mask of no grid with windows of 4"):
        match_file(file)


@pytest.mark.parametrize(("size", "grid", "pixels"), [("256", (64, 64), (256, None)), ("256x128", (64, 32), (256, 128))])
def test_the_size_in_training_can_be_told(size: str, grid: tuple[int, int], pixels: tuple[int, int | None], tmp_path: Path) -> None:
    matched = match_file(save(VARIANTS["Swin"](), tmp_path / "model.pt"), size=size)
    assert matched.config.encoder.grid == grid  # type: ignore[union-attr]
    assert (matched.config.image.size, matched.config.image.size_across) == pixels
    assert matched.evidence["image.size"].source is Source.FLAG


@pytest.mark.parametrize("size", ["200", "0", "large", "128x128x128", "-128"])
def test_a_size_that_cannot_be_is_refused(size: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"do not fit|is not"):
        match_file(save(VARIANTS["Swin"](), tmp_path / "model.pt"), size=size)


def test_a_size_that_the_masks_deny_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="attn_mask"):
        load_any_dpt(save(VARIANTS["Swin"](), tmp_path / "model.pt", MASK), size=256)


def test_a_converted_file_can_be_told_another_size(tmp_path: Path) -> None:
    convert(save(VARIANTS["Swin"](), tmp_path / "model.pt", MASK), tmp_path / "model.safetensors")
    assert match_file(tmp_path / "model.safetensors", size="256x128").config.image.size_across == 128
    with pytest.raises(Refusal, match="size 200x200 does not fit: windows of 4, 4, 4, 4"):
        match_file(tmp_path / "model.safetensors", size=200)


def test_three_stages_are_too_few(tmp_path: Path) -> None:
    state = torch.load(save(VARIANTS["Swin"](), tmp_path / "model.pt"))
    torch.save({name: tensor for name, tensor in state.items() if ".layers.3." not in name}, tmp_path / "model.pt")
    with pytest.raises(Refusal, match=r"lacks pretrained\.model\.layers\.3\.blocks\.0\.norm1\.weight"):
        match_file(tmp_path / "model.pt")


@pytest.mark.parametrize("kinds", [(INDEX,), (TABLE,), (MASK, INDEX, TABLE)])
def test_any_buffer_that_is_stored_tells_the_windows_of_swin2(kinds: tuple[str, ...], tmp_path: Path) -> None:
    config = VARIANTS["Swin V2, one window twice"]()
    matched = match_file(save(config, tmp_path / "model.pt", *kinds))
    assert matched.config == config
    assert matched.evidence["encoder.window"].source is Source.BUFFER
