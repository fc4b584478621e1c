"""A network that was loaded consists of torch's own layers, and tools that look for those find them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model_defs.encoders.levit import NormalizedLinear
from muggle_convert import load_any_dpt
from tests.goldens import GOLDENS, golden

CASES = sorted(manifest.parent.name for manifest in GOLDENS.glob("*/manifest.json.gz"))
