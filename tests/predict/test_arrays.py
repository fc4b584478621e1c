"""What people hold in Python is the picture that it shows: arrays of other types, tensors, open files, several at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from model_defs.network import Network
from muggle_convert import Refusal
from muggle_convert.predict.photographs import MOST_BYTES, read_picture
from muggle_convert.predict.resizing import resized
from tests.goldens import uint8_picture

PICTURE = uint8_picture(23, 31, 4)
TENSOR = torch.from_numpy(PICTURE.copy()).permute(2, 0, 1)
GREY = np.asarray(Image.fromarray(PICTURE).convert("L"))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(np.dstack([PICTURE, GREY]), id="with transparency"),
        pytest.param(PICTURE.astype(np.uint16) * 257, id="sixteen bits"),
        pytest.param(PICTURE / 255, id="from 0 to 1"),
        pytest.param((PICTURE / 255).astype(np.float16), id="from 0 to 1 in half precision"),
        pytest.param(PICTURE.astype(np.float32), id="from 0 to 255 in floats"),
        pytest.param(PICTURE[:, ::-1, ::-1][:, ::-1, ::-1], id="a view that runs backwards"),
        pytest.param(TENSOR, id="tensor"),
        pytest.param(TENSOR.float() / 255, id="tensor from 0 to 1"),
        pytest.param((TENSOR.float() / 255).requires_grad_(), id="tensor with a gradient"),
        pytest.param(torch.cat([TENSOR, TENSOR[:1]]), id="tensor with transparency"),
    ],
)
def test_the_same_colours_in_another_type_are_the_same_picture(given: Any) -> None:
    assert np.array_equal(read_picture(given), PICTURE)


@pytest.mark.parametrize(
    "given",
    [GREY, GREY[..., None], GREY / 255, GREY.astype(np.uint16) * 257, torch.from_numpy(GREY.copy()), torch.from_numpy(GREY.copy())[None]],
)
def test_grey_without_colours_is_what_the_same_image_in_grey_is(given: Any) -> None:
    assert np.array_equal(read_picture(given), read_picture(Image.fromarray(GREY)))


def test_what_opencv_reads_is_turned_round_as_the_docstring_says(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    assert np.array_equal(read_picture(cv2.imread(str(tmp_path / "picture.png"))[..., ::-1]), PICTURE)
    assert "[..., ::-1]" in str(Network.predict.__doc__)


def test_an_array_that_may_only_be_read_is_taken_without_a_word() -> None:
    picture = PICTURE.copy()
    picture.setflags(write=False)
    torch.set_warn_always(True)  # and not only once in a process
    try:
        with warnings.catch_warnings(action="error"):
            resized(picture, (12, 16), "bilinear aligned")
    finally:
        torch.set_warn_always(False)


def test_a_normalised_tensor_and_values_that_could_mean_two_things_are_refused() -> None:
    for given in ((PICTURE / 255 - 0.5) / 0.25, PICTURE / 255 * 1.2, PICTURE.astype(np.float32) * 257, np.full((4, 4, 3), np.nan)):
        with pytest.raises(Refusal, match="neither 0 to 1 nor 0 to 255"):
            read_picture(given)
    with pytest.raises(Refusal, match=r"from 0 to 65535, and this one from \d+ to \d+, as one of eight bits does"):
        read_picture(PICTURE.astype(np.uint16))


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 3), complex),
    ],
)
def test_an_array_that_is_not_a_picture_is_refused(given: np.ndarray) -> None:
    with pytest.raises(Refusal, match=r"pass uint8 of shape \(height, width, 3\)"):
        read_picture(given)


def test_a_tensor_with_its_colours_last_is_refused() -> None:
    with pytest.raises(Refusal, match=r"a tensor holds one as \(3, height, width\)"):
        read_picture(TENSOR.permute(1, 2, 0))


def test_an_open_file_is_read_from_its_beginning_as_often_as_it_is_given(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    with open(tmp_path / "picture.png", "rb") as file:
        for given in (file, file, BytesIO(content), content, bytearray(content)):
            assert np.array_equal(read_picture(given), PICTURE)


def test_an_open_file_that_is_no_picture_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a picture")
    with open(path, "rb") as file, pytest.raises(Refusal, match=r"^notes\.txt is not a picture in a format"):
        read_picture(file)
    with open(path) as text, pytest.raises(Refusal, match=r"notes\.txt is open as a text; open it in binary"):
        read_picture(text)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match=r"notes\.txt cannot be read \(.*closed"):
        read_picture(file)


def test_an_open_file_without_an_end_is_not_read_to_it() -> None:
    class Endless(BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            assert count == MOST_BYTES + 1
            return super().read(count)

    with pytest.raises(Refusal):
        read_picture(Endless(b"nothing"))


@pytest.mark.parametrize(
    "several",
    [
        pytest.param(lambda one, other: (one, other), id="tuple"),
        pytest.param(lambda one, other: (picture for picture in (one, other)), id="generator"),
        pytest.param(lambda one, other: map(Image.fromarray, (one, other)), id="map"),
        pytest.param(lambda one, other: np.stack([one, other]), id="array"),
        pytest.param(lambda one, other: torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2), id="tensor"),
    ],
)
def test_several_pictures_become_a_list_of_predictions(model: Network, several: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    pictures = uint8_picture(20, 30, 1), uint8_picture(20, 30, 2)
    predictions = model.predict(several(*pictures))
    assert isinstance(predictions, list)
    for picture, prediction in zip(pictures, predictions, strict=True):
        assert np.array_equal(prediction, model.predict(picture))


def test_an_open_file_is_one_picture_although_it_has_lines(model: Network, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    with open(tmp_path / "picture.png", "rb") as file:
        assert model.predict(file).shape == (23, 31)


@pytest.mark.parametrize("size", [np.int64(84), np.uint16(84)])
def test_a_size_may_be_one_of_numpy_s_numbers(model: Network, size: Any) -> None:
    assert np.array_equal(model.predict(PICTURE, size=size), model.predict(PICTURE, size=84))


@pytest.mark.parametrize("size", [0, True, 84.0, np.bool_(True), "84"])
def test_a_size_that_is_no_whole_number_is_refused(model: Network, size: Any) -> None:
    with pytest.raises(Refusal, match="a whole number of pixels is needed"):
        model.predict(PICTURE, size=size)
