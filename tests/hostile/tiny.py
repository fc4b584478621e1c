"""The smallest Depth-Anything there can be: four blocks of 64 features, 320 kB. Hostile files are made around it."""

from __future__ import annotations

import numpy as np

FAMILY = ("--family", "depth_anything_v1")


def tiny_arrays() -> dict[str, np.ndarray]:
    shapes: dict[str, tuple[int, ...]] = {
        "pretrained.cls_token": (1, 1, 64),
        "pretrained.pos_embed": (1, 5, 64),
        "pretrained.patch_embed.proj.weight": (64, 3, 2, 2),
        "pretrained.patch_embed.proj.bias": (64,),
    }
    for block in range(4):
        name = f"pretrained.blocks.{block}."
        for part in ("norm1", "norm2"):
            shapes |= {f"{name}{part}.weight": (64,), f"{name}{part}.bias": (64,)}
        shapes |= {f"{name}attn.qkv.weight": (192, 64), f"{name}attn.qkv.bias": (192,)}
        shapes |= {f"{name}attn.proj.weight": (64, 64), f"{name}attn.proj.bias": (64,)}
        shapes |= {
            f"{name}mlp.fc1.weight": (16, 64),
            f"{name}mlp.fc1.bias": (16,),
            f"{name}mlp.fc2.weight": (64, 16),
            f"{name}mlp.fc2.bias": (64,),
        }
        shapes |= {f"{name}ls1.gamma": (64,), f"{name}ls2.gamma": (64,)}
    shapes |= {"pretrained.norm.weight": (64,), "pretrained.norm.bias": (64,)}
    for scale, features in enumerate((4, 5, 6, 7)):
        shapes |= {f"depth_head.projects.{scale}.weight": (features, 64, 1, 1), f"depth_head.projects.{scale}.bias": (features,)}
        shapes[f"depth_head.scratch.layer{scale + 1}_rn.weight"] = (8, features, 3, 3)
    for scale, (features, side) in {0: (4, 4), 1: (5, 2), 3: (7, 3)}.items():
        shapes |= {
            f"depth_head.resize_layers.{scale}.weight": (features, features, side, side),
            f"depth_head.resize_layers.{scale}.bias": (features,),
        }
    for fusion in range(1, 5):
        name = f"depth_head.scratch.refinenet{fusion}."
        for unit in (1, 2):
            for convolution in (1, 2):
                shapes |= {
                    f"{name}resConfUnit{unit}.conv{convolution}.weight": (8, 8, 3, 3),
                    f"{name}resConfUnit{unit}.conv{convolution}.bias": (8,),
                }
        shapes |= {f"{name}out_conv.weight": (8, 8, 1, 1), f"{name}out_conv.bias": (8,)}
    for place, (out, into, side) in {"output_conv1": (4, 8, 3), "output_conv2.0": (3, 4, 3), "output_conv2.2": (1, 3, 1)}.items():
        shapes |= {f"depth_head.scratch.{place}.weight": (out, into, side, side), f"depth_head.scratch.{place}.bias": (out,)}
    drawn = np.random.default_rng(0)
    return {name: drawn.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
