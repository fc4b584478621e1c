"""What Swin and Swin V2 share: their stages of blocks on windows as a table, and the decoder under them."""

from __future__ import annotations

from collections.abc import Sequence

from model_defs.config import DPTConfig, ImageConfig
from muggle_convert.families.shared.decoder import (
    CLASSIFIER,
    scratch,
)
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.midas import DEPTH_HEAD, compose_from_maps
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.window_buffers import (
    BLOCK,
    INDEX,
    MASK,
    STAGES,
    Windowed,
    derive_index,
    derive_mask,
    is_shifted,
    tokens,
    windows,
)
from muggle_convert.families.shared.window_grid import pixels_of
from muggle_convert.rules import Row, RuleSet, convolution, derivable, each, linear, norm, tensor, unread, unused, where
from muggle_convert.rules.sizes import Size

HERE = "imgencoder.stages.{s}.blocks.{n}"


def layouts(attention: Sequence[Row], merged: Size, saves_index: bool = False, buffers: Sequence[Row] = ()) -> dict[str, RuleSet]:
    """What is between two stages counts with the one before, or with the one after as in timm since 0.9, which saves no buffers.

    `merged` is how many features the norm between two stages is over, `saves_index` whether the older timm saved that buffer.
    """
    index = derivable(INDEX, "follows from the windows", derive_index, sizes=(tokens, tokens) if saves_index else None)
    mask = derivable(MASK, "follows from the grid and the windows", derive_mask, sizes=(windows, tokens, tokens))
    unsaved = derivable(MASK, mask.reason, derive_mask), derivable(INDEX, index.reason, derive_index)
    return {
        "original": _layout("{s}", (*attention, where(is_shifted, mask), index, *buffers), merged, "head", "head.fc"),
        "timm 0.9": _layout("{s+1}", (*attention, *unsaved, *buffers), merged, "head.fc", "head"),
    }


def _layout(merging: str, own: Sequence[Row], merged: Size, classifier: str, other_classifier: str) -> RuleSet:
    between, here = f"pretrained.model.layers.{merging}.downsample", "imgencoder.stages.{s+1}.downsample"
    return RuleSet(
        convolution("pretrained.model.patch_embed.proj", "patch_embed.proj", "width", "image.channels", "patch_size"),
        norm("pretrained.model.patch_embed.norm", "patch_embed.norm", "width"),
        each(
            "s",
            STAGES,
            each(
                "n",
                "depths[s]",
                norm(BLOCK + ".norm{i:1|2}", HERE + ".norm{i:1|2}", "width << s"),
                tensor(BLOCK + ".attn.qkv.weight", HERE + ".attn.qkv.weight", "3*width << s", "width << s"),
                *own,
                linear(BLOCK + ".attn.proj", HERE + ".attn.proj", "width << s", "width << s"),
                linear(BLOCK + ".mlp.fc1", HERE + ".mlp.fc1", "mlp_widths[s]", "width << s"),
                linear(BLOCK + ".mlp.fc2", HERE + ".mlp.fc2", "width << s", "mlp_widths[s]"),
            ),
        ),
        each(
            "s",
            STAGES - 1,
            norm(f"{between}.norm", f"{here}.norm", merged),
            linear(f"{between}.reduction", f"{here}.reduction", "2*width << s", "4*width << s", bias=False),
        ),
        norm("pretrained.model.norm", unread("only a classifier has a norm after the last stage"), f"width << {STAGES - 1}"),
        linear(f"pretrained.model.{classifier}", unread(CLASSIFIER), 1000, f"width << {STAGES - 1}"),
        unused(f"pretrained.model.{other_classifier}.{{p:parameter}}", CLASSIFIER),
        scratch("width << s"),
        DEPTH_HEAD,
    )


def compose_network(reading: Reading, encoder: Windowed) -> DPTConfig:
    """The decoder and both ends; how the size of the pictures is known, `told_grid` has noted."""
    channels = reading.value("image.channels")
    size, across = pixels_of(encoder, encoder.grid)
    image = ImageConfig(channels, size, False, "closest", 32, (0.5,) * channels, (0.5,) * channels, across)
    why = "how MiDaS was trained: all pictures in one shape, mean and standard deviation one half"
    return compose_from_maps(reading, encoder, reading.rest("image", image, Source.CONVENTION, why))
