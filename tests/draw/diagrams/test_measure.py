"""Where a network's weights lie and what it computes, known without a weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_defs.config import DINOv2Config, DPTConfig
from muggle_convert.draw.diagrams.measure import Part, measure
from muggle_convert.identify.read import ReadOptions, read
from tests.goldens import golden


@pytest.fixture
def config(tmp_path: Path) -> DPTConfig:
    return read(golden("depth_anything_v2").save(tmp_path), ReadOptions(family="depth_anything_v2")).config


def test_parts_add_up_to_the_whole(config: DPTConfig) -> None:
    parts = measure(config, 70, 98)
    outer = [part for name, part in parts.items() if name and "." not in name]
    assert sum(part.parameters for part in outer) == parts[""].parameters
    assert sum(part.flops for part in outer) == parts[""].flops


def test_every_part_has_the_shapes_it_passes_on(config: DPTConfig) -> None:
    parts = measure(config, 70, 98)
    assert parts["patch_embed"].outputs[0] == (36, 64)  # a class token and 5 x 7 patches of 64 features
    assert parts["imgencoder"].outputs == ((36, 64),) * 4
    assert parts["reassemble.spatial_upx4"].outputs[0][1:] == (20, 28)
    assert parts["fusion.blocks.0"].outputs[0][1:] == (40, 56)
    assert parts[""].outputs == ((70, 98),)


def test_flops_are_those_counted_by_hand(config: DPTConfig) -> None:
    encoder = config.encoder
    assert isinstance(encoder, DINOv2Config)
    patches, width = 5 * 7, encoder.width
    tokens = patches + 1
    matrices = tokens * (3 * width * width + width * width + 2 * width * encoder.mlp_width)
    attention = 2 * tokens * tokens * width
    parts = measure(config, 70, 98)
    assert parts["imgencoder"].flops == 2 * encoder.depth * (matrices + attention)
    assert parts["patch_embed"] == Part(width * 3 * 14 * 14 + 2 * width, 2 * patches * width * 3 * 14 * 14, ((tokens, width),))


def test_an_input_the_network_does_not_take_is_refused(config: DPTConfig) -> None:
    with pytest.raises(ValueError, match="multiples of 14"):
        measure(config, 71, 98)
