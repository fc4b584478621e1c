"""Folders that transformers writes of architectures that are not here are refused by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from safetensors.torch import load_file, save_file

from muggle_convert import Refusal
from muggle_convert.identify.read import ReadOptions, read

BACKBONE = {"hidden_size": 8, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 28, "patch_size": 14, "mlp_ratio": 1}
HEAD: dict[str, Any] = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
STAGES = {"hidden_sizes": [8] * 4, "depths": [1] * 4, "num_attention_heads": [1] * 4, "decoder_hidden_size": 8}


def with_registers() -> Any:
    return transformers.Dinov2WithRegistersConfig(**BACKBONE, out_indices=[1, 2, 3, 4], reshape_hidden_states=False, num_register_tokens=1)


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def test_a_head_on_another_backbone_is_refused_by_both_names_whatever_is_dropped(tmp_path: Path) -> None:
    head = transformers.DPTConfig(backbone_config=with_registers(), **HEAD)
    folder = saved(transformers.DPTForDepthEstimation(head), tmp_path / "head")
    for drops in ((), ("backbone.embeddings.register_tokens",)):
        with pytest.raises(
            Refusal,
            match=r"is dpt on the backbone dinov2_with_registers, as its config\.json says.*it reads dpt on beit, .*DepthEstimation",
        ):
            read(folder, ReadOptions(drops=drops))


def test_registers_are_never_dropped_where_no_config_json_tells_of_them(tmp_path: Path) -> None:
    config = transformers.DepthAnythingConfig(
        backbone_config=with_registers(), reassemble_hidden_size=8, neck_hidden_sizes=[8] * 4, fusion_hidden_size=8
    )
    folder = saved(transformers.DepthAnythingForDepthEstimation(config), tmp_path / "head")
    save_file(load_file(folder / "model.safetensors"), tmp_path / "depth_anything_v2.safetensors")
    with pytest.raises(
        Refusal, match=r"has registers in its backbone \(backbone\.embeddings\.register_tokens\), as dinov2_with_registers has"
    ):
        read(tmp_path / "depth_anything_v2.safetensors")
    with pytest.raises(Refusal, match=r"without them it would be another network, so they cannot be left out"):
        read(tmp_path / "depth_anything_v2.safetensors", ReadOptions(drops=("backbone.embeddings.register_tokens",)))


@pytest.mark.parametrize(
    ("name", "config", "what", "reader"),
    [
        ("GLPNForDepthEstimation", transformers.GLPNConfig(**STAGES), "glpn", "AutoModelForDepthEstimation"),
        ("SegformerForSemanticSegmentation", transformers.SegformerConfig(**STAGES), "segformer", "AutoModelForSemanticSegmentation"),
        ("Dinov2Model", transformers.Dinov2Config(**BACKBONE), "dinov2, a backbone without a head for depth", "AutoBackbone"),
        ("Dinov2WithRegistersModel", with_registers(), "dinov2_with_registers, a backbone without", "AutoBackbone"),
        ("DPTModel", transformers.DPTConfig(**{**BACKBONE, **HEAD}, intermediate_size=8), "DPTModel, which has no head", "AutoModel"),
    ],
)
def test_another_model_is_refused_by_its_name_with_what_does_read_it(
    name: str, config: Any, what: str, reader: str, tmp_path: Path
) -> None:
    folder = saved(getattr(transformers, name)(config), tmp_path / "model")
    with pytest.raises(Refusal, match=rf"is {what}.*it reads .*(dpt|DPT).* transformers reads it, with {reader}\.from_pretrained"):
        read(folder)
