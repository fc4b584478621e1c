"""A map that is enlarged in bands is the map that is enlarged at once, with oneDNN and without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from model_defs.config import Grid
from model_defs.fast import enlarging
from model_defs.fast.attention import attend

SIZES = [
    ((7, 9), (14, 18)),  # doubled
    ((7, 9), (98, 33)),  # each side by another factor
    ((1, 3), (5, 7)),  # one row only
    ((5, 1), (40, 2)),
    ((6, 6), (6, 6)),  # as it is
    ((9, 9), (4, 4)),  # made smaller
    ((3, 3), (1, 1)),
]


@pytest.fixture(autouse=True, params=[True, False], ids=["oneDNN where there is one", "without oneDNN"])
def inference(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=request.param):
        yield


@pytest.mark.parametrize("rows", [1, 11, 1 << 20], ids=["smallest bands", "some bands", "one band"])
@pytest.mark.parametrize("align_corners", [True, False], ids=["corners aligned", "pixels as areas"])
@pytest.mark.parametrize(("small", "large"), SIZES)
def test_bands_give_what_the_whole_map_gives(
    small: Grid, large: Grid, align_corners: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enlarging, "BAND", rows * 4 * large[1] * 5)
    feature_map = torch.randn(2, 5, *small, generator=torch.Generator().manual_seed(1))
    convolution = torch.nn.Conv2d(5, 3, kernel_size=3, padding=1)
    whole = convolution(F.interpolate(feature_map, size=large, mode="bilinear", align_corners=align_corners))
    torch.testing.assert_close(enlarging.in_bands(convolution, feature_map, large, align_corners), whole, rtol=1e-5, atol=2e-6)


def test_no_band_is_as_large_as_the_map() -> None:
    seen: list[int] = []

    def project(band: torch.Tensor) -> torch.Tensor:
        seen.append(band.shape[2])
        return band[:, :1]

    assert enlarging.in_bands(project, torch.zeros(1, 64, 128, 128), (1024, 1024), True).shape == (1, 1, 1024, 1024)
    assert max(seen) * 8 < 1024


def test_the_type_and_the_device_that_torch_makes_tensors_of_by_default_change_nothing() -> None:
    feature_map, queries = torch.randn(1, 5, 7, 9), torch.randn(1, 2, 300, 8)

    def computed() -> tuple[torch.Tensor, torch.Tensor]:
        return enlarging.in_bands(torch.relu, feature_map, (14, 18), True), attend(queries, queries, queries)

    expected = computed()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = computed()
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
