"""Six people, each with files and programs from elsewhere, and what they do here from beginning to end."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from muggle_convert import BatchPredictor, load_any_dpt
from tests.conftest import Command
from tests.goldens import golden, uint8_picture
from tests.hub.conftest import hub, run
from tests.hub.server import Hub

__all__ = ["hub", "run"]
METRIC, RELATIVE = golden("depth_anything_v2_metric"), golden("depth_anything_v2")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Of two afternoons; one of them did not come off the camera whole."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("june/garden.jpg", "june/gate.jpg", "july/lake.png", "july/shore.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(uint8_picture(60, 90, number)).save(folder / name)
    (folder / "july" / "boat.jpg").write_bytes((folder / "june" / "gate.jpg").read_bytes()[:600])
    return folder


def test_a_robotics_engineer_measures_with_a_fine_tune(tmp_path: Path, photos: Path, muggle_convert: Command) -> None:
    """Trained by Lightning, with its losses' weights beside the network's and its options in a group of their own."""
    weights = {f"model.{name}": tensor for name, tensor in METRIC.state_dict().items()}
    beside = {"log_vars": torch.zeros(2), "criterion.pos_weight": torch.ones(1)}
    options = {"model": {"encoder": "vits", "max_depth": 12.5}, "lr": 5e-6}
    torch.save(
        {"epoch": 7, "global_step": 900, "pytorch-lightning_version": "2.5.0", "state_dict": weights | beside, "hyper_parameters": options},
        tmp_path / "epoch=7-step=900.ckpt",
    )
    told = ["--family", "depth_anything_v2"]  # which four blocks cannot tell from its predecessor

    seen = muggle_convert("inspect", tmp_path / "epoch=7-step=900.ckpt", *told)
    assert seen.returncode == 0, seen.stderr
    assert "depth in metres, up to 12.5" in seen.stdout and "of its trainer, which no network reads" in seen.stdout

    converted = tmp_path / "robot.safetensors"
    assert muggle_convert(tmp_path / "epoch=7-step=900.ckpt", "-o", converted, *told).returncode == 0
    checked = muggle_convert("verify", tmp_path / "epoch=7-step=900.ckpt", converted)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    distances = load_any_dpt(converted).predict(photos / "june" / "gate.jpg")
    assert distances.shape == (60, 90) and distances.min() > 0 and distances.max() <= 12.5
    done = muggle_convert("depth", photos / "june" / "gate.jpg", "-m", converted, "-o", tmp_path / "gate.png", "--format", "png16")
    assert done.returncode == 0, done.stderr
    stored = Image.open(tmp_path / "gate.png")
    assert np.abs(np.asarray(stored) / 1000 - distances).max() < 0.001, "a millimetre a step"


def test_somebody_from_transformers_comes_and_goes_back(tmp_path: Path, muggle_convert: Command) -> None:
    configuration = transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(
            hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=70, patch_size=14, mlp_ratio=2,
            out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
        ),
        reassemble_hidden_size=32, neck_hidden_sizes=[8, 12, 16, 20], fusion_hidden_size=8, head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.DepthAnythingForDepthEstimation(configuration).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(0, 0.2)  # their beginnings are too small to tell anything
        theirs.head.conv3.bias.fill_(1)
    theirs.save_pretrained(tmp_path / "theirs")
    picture = torch.randn(1, 3, 70, 70)
    with torch.inference_mode():
        expected = theirs(picture).predicted_depth
    assert expected.std() > 0.01

    told = {"family": "depth_anything_v2", "taps": "0,1,2,3", "heads": 2}
    ours = load_any_dpt(tmp_path / "theirs", **told)
    with torch.inference_mode():
        found = ours(picture)
    assert float((found - expected).abs().max() / expected.std()) < 5e-4

    options = ["--family", "depth_anything_v2", "--set", "taps=0,1,2,3", "--set", "heads=2"]
    done = muggle_convert(tmp_path / "theirs", "-o", tmp_path / "ours.safetensors", "--keep-unused", *options)
    assert done.returncode == 0, done.stderr
    assert muggle_convert("export", tmp_path / "ours.safetensors", "--to", "transformers", "-o", tmp_path / "back").returncode == 0
    back, loading = transformers.AutoModelForDepthEstimation.from_pretrained(tmp_path / "back", output_loading_info=True)
    with torch.inference_mode():
        assert float((back.eval()(picture).predicted_depth - expected).abs().max() / expected.std()) < 5e-4
    assert not any(loading[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in back.state_dict().items())


def test_somebody_wants_one_python_call(tmp_path: Path, photos: Path) -> None:
    """And has the weights in memory, pictures of all kinds, and a place to keep the result."""
    weights = RELATIVE.state_dict()
    model = load_any_dpt(weights, family="depth_anything_v2")
    with Image.open(photos / "june" / "gate.jpg") as picture:
        array = np.asarray(picture)
        depth = model.predict(picture)
        for other in (photos / "june" / "gate.jpg", array, torch.from_numpy(array.copy()).permute(2, 0, 1), array.astype(np.float32)):
            assert np.allclose(model.predict(other), depth, atol=1e-4)
        opaque = model.predict(picture.convert("RGBA"))
    assert np.allclose(opaque, depth, atol=1e-4)
    assert [one.shape for one in model.predict(sorted(photos.glob("june/*")))] == [(60, 90)] * 2

    with torch.no_grad():
        next(model.head.parameters()).mul_(1.5)  # as if it had been trained
    model.save(tmp_path / "mine.safetensors")
    assert np.allclose(load_any_dpt(tmp_path / "mine.safetensors").predict(array), model.predict(array), atol=1e-5)
    assert len(repr(model.config)) > 0


def test_a_photographer_looks_at_a_folder(tmp_path: Path, photos: Path, muggle_convert: Command) -> None:
    model = RELATIVE.save(tmp_path, "depth_anything_v2_vits.pth")
    line = ["depth", photos, "-m", model, "-o", tmp_path / "seen", "--side-by-side"]
    first = muggle_convert(*line)
    assert first.returncode == 1 and "4 written" in first.stdout and "boat.jpg is damaged" in first.stderr
    assert Image.open(tmp_path / "seen" / "june" / "gate.png").width > 2 * 90

    Image.fromarray(uint8_picture(60, 90, 9)).save(photos / "july" / "boat.jpg")  # copied again, from the camera
    second = muggle_convert(*line)
    assert second.returncode == 0 and "1 written" in second.stdout and "4 of 5 were already there" in second.stdout

    points = muggle_convert("depth", photos / "june" / "gate.jpg", "-m", model, "-o", tmp_path / "gate.ply", "--fov", 70)
    assert points.returncode == 0 and (tmp_path / "gate.ply").read_bytes().startswith(b"ply\n")
    near = load_any_dpt(model).predict(photos / "june" / "gate.jpg")
    (y, x), (v, u) = np.unravel_index(near.argmax(), near.shape), np.unravel_index(near.argmin(), near.shape)
    known = ["--known", f"{x},{y}=0.5", "--known", f"{u},{v}=9"]
    metres = muggle_convert("depth", photos / "june" / "gate.jpg", "-m", model, "-o", tmp_path / "gate.npy", *known)
    assert metres.returncode == 0, metres.stderr
    assert np.load(tmp_path / "gate.npy")[y, x] == pytest.approx(0.5, rel=1e-3)


def test_a_builder_of_data_sets_spreads_a_list_over_machines(
    tmp_path: Path, photos: Path, muggle_convert: Command, muggle_convert_here: Command
) -> None:
    model = RELATIVE.save(tmp_path, "depth_anything_v2_vits.pth")
    (tmp_path / "list.txt").write_text("".join(f"{path.relative_to(tmp_path)}\n" for path in sorted(photos.rglob("*.*g"))))
    line = ["depth", "@list.txt", "-m", model, "-o", "depth", "--format", "npz"]
    parts = [muggle_convert(*line, "--shard", f"{number}/2", cwd=tmp_path) for number in (1, 2)]
    assert sum(int(re.search(r"(\d+) written", part.stdout)[1]) for part in parts) == 4
    assert sorted(part.returncode for part in parts) == [0, 1]

    failed = tmp_path / "depth" / ".muggle-convert" / "npz.failed.jsonl"
    assert [json.loads(row)["picture"] for row in failed.read_text().splitlines()] == ["photos/july/boat.jpg"]
    (tmp_path / "depth" / "photos" / "june" / "gate.npz").unlink()
    whole = muggle_convert(*line, cwd=tmp_path)
    assert "1 written" in whole.stdout and "1 that failed before was tried again" in whole.stdout
    looked = muggle_convert("depth", "photos/june/*.jpg", "-m", model, "-o", "depth/photos/june", "--format", "exr", cwd=tmp_path)
    assert looked.returncode == 0 and (tmp_path / "depth" / "photos" / "june" / "gate.exr").exists()

    content = (photos / "june" / "gate.jpg").read_bytes()
    (row,) = BatchPredictor(model, form="npz")([("from a queue", content)])
    assert row.depth == (tmp_path / "depth" / "photos" / "june" / "gate.npz").read_bytes()
    assert np.load(BytesIO(row.depth))["depth"].shape == (60, 90)


def test_a_maintainer_publishes_and_others_use_it(hub: Hub, run: Command, tmp_path: Path, photos: Path) -> None:
    converted = tmp_path / "rooms.safetensors"
    assert run(RELATIVE.save(tmp_path, "depth_anything_v2_vits.pth"), "-o", converted).returncode == 0
    (tmp_path / "truth").mkdir()
    near = load_any_dpt(converted).predict(photos / "june" / "gate.jpg")
    for path in (photos / "june").iterdir():
        metres = 1 / (0.1 + (near - near.min()) / np.ptp(near))
        Image.fromarray((metres * 1000).astype(np.uint16)).save(tmp_path / "truth" / f"{path.stem}.png")
    judged = run(
        "eval", converted, "--images", photos / "june", "--truth", tmp_path / "truth", "--dataset", "nyu", "--crop", "none",
        "--data", "me/gardens", "--results", tmp_path / "results.json",
    )  # fmt: skip
    assert judged.returncode == 0, judged.stderr

    line = ["push", converted, "me/rooms", "--license", "apache-2.0", "--results", tmp_path / "results.json"]
    line += ["--picture", photos / "june" / "gate.jpg", "--base-model", "you/base", "--trained-on", "me/gardens"]
    assert "would send depth.png" in run(*line, "--dry-run").stdout and not hub.repositories
    assert run(*line).returncode == 0
    (_, (_, files)) = hub.repositories["me/rooms"].branches["main"]
    card = files["README.md"].decode()
    for said in ("base_model: you/base", "- me/gardens", '"dataset": {"type": "me/gardens"', "](depth.png)", "On 2 images of me/gardens"):
        assert said in card
    assert card.index("## How to use it") < card.index("## Limitations") < card.index("## Numbers") < card.index("<details>")
    assert "nothing was sent" in run(*line).stdout

    commands = re.findall(r"^muggle-convert (depth .*)$", card, re.MULTILINE)
    assert run(*commands[0].replace("photo.jpg", str(photos / "june" / "gate.jpg")).split()).returncode == 0
    assert Image.open(tmp_path / "depth.png").width > 0
    assert "apache-2.0" in run("inspect", "me/rooms").stdout
