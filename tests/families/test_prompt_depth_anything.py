"""What Prompt-Depth-Anything has of its own: a second input, and names that begin with nine characters of no meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from model_defs.build import build
from model_defs.network import Network
from muggle_convert import Refusal, convert, export, inspect, load_any_dpt, verify
from muggle_convert.families.prompt_depth_anything import ORIGINAL
from tests.conftest import Command
from tests.families.variants.prompt_depth_anything import configuration
from tests.goldens import TOLERANCE, golden, uint8_picture
from tests.originals import original_state
from tests.same import assert_same

CASE = golden("promptda_vits_small")
PICTURE = uint8_picture(70, 98, 3)


def measured(height: int = 12, width: int = 16) -> np.ndarray:
    """Metres, as the sensor of a telephone gives them."""
    return np.linspace(0.8, 3.2, height * width, dtype=np.float32).reshape(height, width)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CASE.save(tmp_path_factory.mktemp("prompted"))


@pytest.fixture(scope="module")
def network(original: Path) -> Network:
    return load_any_dpt(original)


@pytest.mark.parametrize("prefix", ["pipeline.", "net.core.", "model.ab.", "my_model_"])
def test_whatever_nine_characters_stand_before_the_names_are_taken_off(tmp_path: Path, prefix: str) -> None:
    state = original_state(build(configuration()), ORIGINAL)
    torch.save({"state_dict": {prefix + name: tensor for name, tensor in state.items()}}, tmp_path / "model.ckpt")
    assert inspect(tmp_path / "model.ckpt").match.family.name == "prompt_depth_anything"


def test_what_the_original_reads_is_written_back_as_it_reads_it(original: Path, tmp_path: Path) -> None:
    convert(original, tmp_path / "model.safetensors", keep_unused=True, sync=False)
    assert verify(original, tmp_path / "model.safetensors").holds
    export(tmp_path / "model.safetensors", tmp_path / "model.ckpt", sync=False)
    saved = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert_same({name[9:]: tensor for name, tensor in saved["state_dict"].items()}, {n[9:]: t for n, t in CASE.state_dict().items()})


def test_another_normalisation_than_the_usual_one_is_refused(tmp_path: Path) -> None:
    state = {**CASE.state_dict(), "pipeline._mean": torch.zeros(1, 3, 1, 1)}
    torch.save({"state_dict": state}, tmp_path / "model.ckpt")
    with pytest.raises(Refusal, match="other values in _mean"):
        convert(tmp_path / "model.ckpt", tmp_path / "model.safetensors")


def test_predictions_stay_within_the_range_of_the_prompt(network: Network) -> None:
    depth = network.predict(PICTURE, measured())
    assert depth.shape == PICTURE.shape[:2]
    assert 0.8 <= depth.min() < depth.max() <= 3.2


def test_a_prompt_is_metres_in_an_array_or_a_file_or_millimetres_in_a_picture(network: Network, tmp_path: Path) -> None:
    metres = measured().round(3)
    np.save(tmp_path / "lidar.npy", metres)
    Image.fromarray((metres * 1000).round().astype(np.uint16)).save(tmp_path / "lidar.png")
    expected = network.predict(PICTURE, metres)
    np.testing.assert_array_equal(network.predict(PICTURE, tmp_path / "lidar.npy"), expected)
    np.testing.assert_allclose(network.predict(PICTURE, str(tmp_path / "lidar.png")), expected, atol=1e-5)


def test_pictures_and_prompts_go_in_pairs(network: Network) -> None:
    prompts = [measured(), measured()[::-1].copy()]
    together = network.predict([PICTURE, PICTURE], prompts)
    for found, prompt in zip(together, prompts, strict=True):
        np.testing.assert_allclose(found, network.predict(PICTURE, prompt), atol=1e-5)


def test_a_large_picture_is_shrunk_and_a_small_one_stays_as_it_is(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[Any] = []
    monkeypatch.setattr(network, "forward", lambda image, prompt: sizes.append(tuple(image.shape[2:])) or image[:, 0])
    for height, width in ((98, 70), (75, 61), (1080, 1920)):
        network.predict(np.zeros((height, width, 3), np.uint8), measured())
    assert sizes == [(98, 70), (70, 56), (560, 1008)]


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (np.full((4, 6), 2.0, np.float32), "got 2 metres everywhere.*by which the original divides, be it zero"),
        (np.full((4, 6), np.nan, np.float32), "holds NaN or infinity"),
        (np.ones((4, 6), np.uint16), "nothing says what a step of them is"),
        (np.ones((4, 6, 3), np.float32), r"shape \(4, 6, 3\)"),
        (None, "looks at a picture and at a prompt"),
    ],
)
def test_what_is_no_prompt_is_refused_in_one_sentence(network: Network, prompt: Any, sentence: str) -> None:
    with pytest.raises((Refusal, ValueError), match=sentence):
        network.predict(PICTURE, prompt)


def test_a_picture_alone_is_not_enough(network: Network) -> None:
    with pytest.raises(Refusal, match="looks at a picture and at a prompt"):
        network.predict(PICTURE)


def test_the_command_takes_a_prompt_for_one_picture_or_a_folder_for_many(
    original: Path, tmp_path: Path, muggle_convert_here: Command
) -> None:
    for folder in ("pictures", "lidar"):
        (tmp_path / folder).mkdir()
    for name in ("hall", "stairs"):
        Image.fromarray(PICTURE).save(tmp_path / "pictures" / f"{name}.jpg")
        np.save(tmp_path / "lidar" / f"{name}.npy", measured())
    one = (tmp_path / "pictures" / "hall.jpg", "-m", original, "-o", tmp_path / "hall.npy")
    assert muggle_convert_here("depth", *one, "--prompt", tmp_path / "lidar" / "hall.npy").returncode == 0
    assert 0.8 <= np.load(tmp_path / "hall.npy").min() < 3.2
    many = (tmp_path / "pictures", "-m", original, "-o", tmp_path / "depth", "--format", "npy")
    assert "2 written" in muggle_convert_here("depth", *many, "--prompt", tmp_path / "lidar").stdout
    assert "--prompt" in muggle_convert_here("depth", *many[:-3], tmp_path / "without", "--format", "npy").stderr
    (tmp_path / "lidar" / "stairs.npy").unlink()
    assert "no prompt for stairs.jpg" in muggle_convert_here("depth", *many, "--prompt", tmp_path / "lidar").stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For transformers, and beside it the original and the converted file it was made from."""
    made = tmp_path_factory.mktemp("transformers")
    torch.save(original_state(build(configuration()), ORIGINAL), made / "model.ckpt")
    convert(made / "model.ckpt", made / "converted.safetensors", sync=False)
    export(made / "converted.safetensors", made / "folder", "transformers", sync=False)
    return made


def test_transformers_predicts_the_same(folder: Path) -> None:
    import transformers

    model, info = transformers.PromptDepthAnythingForDepthEstimation.from_pretrained(folder / "folder", output_loading_info=True)
    assert not any(info[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ours, picture = load_any_dpt(folder / "converted.safetensors"), torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(5))
    prompt = torch.from_numpy(measured())[None, None]
    with torch.inference_mode():
        expected, found = ours(picture, prompt), model.eval()(picture, prompt_depth=prompt).predicted_depth
    assert float((found.view_as(expected) - expected).abs().max() / expected.std()) <= TOLERANCE


def test_a_folder_of_transformers_leads_back_to_the_same_tensors_and_to_the_original(folder: Path, tmp_path: Path) -> None:
    convert(folder / "folder", tmp_path / "again.safetensors", sync=False)
    assert_same(load_file(tmp_path / "again.safetensors"), load_file(folder / "converted.safetensors"))
    export(folder / "folder", tmp_path / "back.ckpt", fill_unused=True, sync=False)
    back = torch.load(tmp_path / "back.ckpt", weights_only=True)["state_dict"]
    state = torch.load(folder / "model.ckpt", weights_only=True)
    assert_same({name: back[f"pipeline.{name}"] for name in state}, state)
    assert torch.allclose(back["pipeline._mean"].flatten(), torch.tensor([0.485, 0.456, 0.406]))


def test_the_processor_of_transformers_is_told_how_to_read_prompts(folder: Path) -> None:
    said = json.loads((folder / "folder" / "preprocessor_config.json").read_text())
    assert (said["image_processor_type"], said["prompt_scale_to_meter"]) == ("PromptDepthAnythingImageProcessor", 0.001)
