"""`muggle-convert eval` as a user runs it."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from muggle_convert import Refusal, convert, load_any_dpt
from muggle_convert.evaluation.metrics import NAMES, measure
from muggle_convert.evaluation.results import read_results
from muggle_convert.pushing.push import push
from tests.conftest import Command
from tests.goldens import golden, uint8_picture


@pytest.fixture
def evaluate(muggle_convert_here: Command) -> Command:
    return partial(muggle_convert_here, "eval")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A relative one."""
    return golden("depth_anything_v2").save(tmp_path_factory.mktemp("model"), "depth_anything_v2_vits.pth")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Three pictures, of which the model gets the first right, up to scale and shift, the second nearly, and the third not at all."""
    folder, network = tmp_path_factory.mktemp("scenes"), load_any_dpt(model)
    for name in ("images", "truth"):
        (folder / name / "street").mkdir(parents=True)
    for number, name in enumerate(("street/a", "street/b", "c")):
        picture = uint8_picture(56, 70, number)
        Image.fromarray(picture).save(folder / "images" / f"{name}.png")
        inverse = network.predict(picture)
        inverse = 0.05 + (inverse - inverse.min()) / np.ptp(inverse)
        noise = np.random.default_rng(number).normal(size=inverse.shape)
        truth = 1 / inverse * np.exp([0.0, 0.1, 1.0][number] * noise)
        truth[:, ::3] = 0
        np.save(folder / "truth" / f"{name}.npy", truth.astype(np.float32))
    return folder


@pytest.fixture
def folder(scenes: Path, tmp_path: Path) -> Path:
    """The scenes in a folder that a test may change."""
    return shutil.copytree(scenes, tmp_path, dirs_exist_ok=True)


def options(folder: Path) -> list[object]:
    return ["--images", folder / "images", "--truth", folder / "truth"]


def test_a_model_has_one_row_and_its_worst_images_are_named(folder: Path, model: Path, evaluate: Command) -> None:
    done = evaluate(model, *options(folder), "--worst", 2)
    assert done.returncode == 0, done.stderr
    assert all(title in done.stdout for title, _ in NAMES.values())
    assert "3 images of a folder of pictures, crop none, at any distance, aligned per image" in done.stdout
    named = done.stdout[done.stdout.index("worst of") :]
    assert named.index("c: AbsRel") < named.index("street/b: AbsRel") and "street/a" not in named


def test_the_original_and_its_conversion_have_the_same_numbers_and_float16_nearly(folder: Path, model: Path, evaluate: Command) -> None:
    convert(model, folder / "converted.safetensors")
    convert(model, folder / "half.safetensors", dtype="float16")
    done = evaluate(model, folder / "converted.safetensors", folder / "half.safetensors", *options(folder), "--json")
    original, converted, half = json.loads(done.stdout)["rows"]
    assert original["numbers"] == converted["numbers"] and original["fingerprint"] == half["fingerprint"]
    assert half["dtype"] == "F16" and half["numbers"] == pytest.approx(original["numbers"], rel=0.02, abs=1e-3)


def test_the_weights_to_evaluate_are_chosen_as_for_a_conversion(folder: Path, model: Path, evaluate: Command) -> None:
    weights = torch.load(model, weights_only=True)
    student = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    torch.save({"student": student, "teacher": {**weights, "aux.0.weight": torch.ones(3)}}, folder / model.name)
    done = evaluate(folder / model.name, *options(folder), "--json", "--state", "teacher", "--drop", "aux.{n}.weight")
    assert done.returncode == 0, done.stderr
    alone = evaluate(model, *options(folder), "--json")
    assert json.loads(done.stdout)["rows"][0]["numbers"] == json.loads(alone.stdout)["rows"][0]["numbers"]


def test_numbers_are_those_of_the_predictions(folder: Path, model: Path, evaluate: Command) -> None:
    found = json.loads(evaluate(model, *options(folder), "--json").stdout)["rows"][0]
    assert found["images"]["street/a"]["abs_rel"] < 1e-3 < found["images"]["street/b"]["abs_rel"] < found["images"]["c"]["abs_rel"]
    assert found["numbers"]["rmse"] == pytest.approx(np.mean([row["rmse"] for row in found["images"].values()]))


def test_one_alignment_for_the_set_is_no_better_than_one_for_each_image(folder: Path, model: Path, evaluate: Command) -> None:
    rows = [json.loads(evaluate(model, *options(folder), "--align-over", over, "--json").stdout)["rows"][0] for over in ("image", "set")]
    assert rows[0]["images"]["street/a"]["abs_rel"] < rows[1]["images"]["street/a"]["abs_rel"]


def test_a_metric_model_is_compared_with_metres(folder: Path, tmp_path: Path, evaluate: Command) -> None:
    metric = golden("depth_anything_v2_metric").save(tmp_path)
    overrides = golden("depth_anything_v2_metric").options
    predicted = load_any_dpt(metric, **overrides).predict(folder / "images" / "c.png")
    for path in (folder / "truth").rglob("*.npy"):
        np.save(path, predicted * 1.1)
    arguments = golden("depth_anything_v2_metric").arguments
    found = json.loads(evaluate(metric, *arguments, *options(folder), "--json").stdout)["rows"][0]
    assert found["align"] == "none"
    assert found["images"]["c"] == pytest.approx(measure(predicted * 1.1, predicted), rel=1e-4)


def test_the_worst_are_drawn(folder: Path, model: Path, evaluate: Command) -> None:
    done = evaluate(model, *options(folder), "--pictures", folder / "drawn", "--worst", 2)
    assert done.returncode == 0, done.stderr
    drawn = sorted((folder / "drawn" / model.stem).iterdir())
    assert [path.name for path in drawn] == ["01 c.png", "02 street b.png"]
    assert Image.open(drawn[0]).width > 4 * 70


def test_models_of_the_same_name_get_separate_drawings_that_are_never_mixed_or_replaced_unasked(
    folder: Path, model: Path, evaluate: Command
) -> None:
    convert(model, folder / f"{model.stem}.safetensors")
    arguments = [*options(folder), "--pictures", folder / "drawn", "--worst", 2]
    assert evaluate(model, folder / f"{model.stem}.safetensors", *arguments).returncode == 0
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == [model.name, f"{model.stem}.safetensors"]
    assert evaluate(model, *arguments).returncode == 0
    refused = evaluate(model, *arguments)
    assert refused.returncode == 1 and "holds drawings already; pass --force" in refused.stderr
    assert evaluate(model, *arguments[:-1], 1, "--force").returncode == 0
    assert [path.name for path in (folder / "drawn" / model.stem).iterdir()] == ["01 c.png"]


def test_results_are_never_replaced_unasked(folder: Path, model: Path, evaluate: Command) -> None:
    (folder / "results.json").write_text("mine")
    refused = evaluate(model, *options(folder), "--results", folder / "results.json")
    assert refused.returncode == 1 and "exists already; pass --force" in refused.stderr
    assert (folder / "results.json").read_text() == "mine"
    assert evaluate(model, *options(folder), "--results", folder / "results.json", "--force").returncode == 0


@pytest.mark.parametrize("align", ["scale-shift", "median"])
def test_a_model_that_predicts_only_nans_is_refused(folder: Path, model: Path, evaluate: Command, align: str) -> None:
    weights = torch.load(model, weights_only=True)
    weights["pretrained.norm.bias"] = torch.full_like(weights["pretrained.norm.bias"], torch.nan)
    torch.save(weights, folder / model.name)
    done = evaluate(folder / model.name, *options(folder), "--align", align)
    assert (
        done.returncode == 1
        and "c: the prediction is not a number for 100.0% of the pixels" in done.stderr
        and done.stderr.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "truth" / "c.npy").unlink(), "1 of 3 pictures"),
        (lambda folder: np.save(folder / "truth" / "c.npy", np.ones((5, 5))), "c: the picture is 70 x 56"),
        (lambda folder: (folder / "truth" / "c.npy").write_text("nothing"), "c.npy cannot be read as distances"),
        (lambda folder: (folder / "images" / "street" / "a.jpg").write_bytes(b""), "have the same name"),
        (
            lambda folder: [np.save(path, np.zeros((56, 70))) for path in (folder / "truth").rglob("*.npy")],
            "none of the images has a measurement",
        ),
    ],
)
def test_data_that_cannot_be_evaluated_is_refused_in_one_sentence(
    spoil: object, words: str, folder: Path, model: Path, evaluate: Command
) -> None:
    spoil(folder)  # type: ignore[operator]
    done = evaluate(model, *options(folder))
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def test_a_png_with_unknown_steps_is_refused(folder: Path, model: Path, evaluate: Command) -> None:
    (folder / "truth" / "c.npy").unlink()
    Image.fromarray(np.full((56, 70), 2560, np.uint16)).save(folder / "truth" / "c.png")
    assert "--dataset kitti" in evaluate(model, *options(folder)).stderr
    done = evaluate(model, *options(folder), "--dataset", "kitti", "--crop", "none", "--json")
    assert json.loads(done.stdout)["rows"][0]["images"].keys() == {"c", "street/a", "street/b"}


def test_images_without_measurements_are_left_out_and_named(folder: Path, model: Path, evaluate: Command) -> None:
    np.save(folder / "truth" / "c.npy", np.zeros((56, 70), np.float32))
    done = evaluate(model, *options(folder))
    assert done.returncode == 0 and "1 image was left out" in done.stdout


def test_push_puts_the_results_on_the_card(folder: Path, model: Path, evaluate: Command) -> None:
    results = folder / "results.json"
    assert evaluate(model, *options(folder), "--results", results).returncode == 0
    card = push(model, "somebody/model", dry_run=True, licence="apache-2.0", results=results).card
    front = card.split("---\n")[1]
    assert "model-index:" in front and '"type": "abs_rel"' in front
    row = read_results(results).rows[0]
    assert f"| {row.numbers['d1']:.4f} |" in card and "scale-shift per image" in card
    assert (
        "On 3 images of a folder of pictures (" in card and '"dataset": {"type": "unnamed-folder", "name": "a folder of pictures"' in front
    )


@pytest.mark.parametrize(
    ("called", "sentence", "kind"),
    [
        ([], "a folder in NYU's format", "unnamed-folder"),
        (["--data", "NYU Depth v2, test"], "NYU Depth v2, test", "nyu-depth-v2-test"),
        (["--data", "me/rooms"], "me/rooms", "me/rooms"),
    ],
)
def test_a_format_is_not_the_name_of_the_data(
    folder: Path, model: Path, evaluate: Command, called: list[str], sentence: str, kind: str
) -> None:
    for path in (folder / "truth").rglob("*.npy"):
        Image.fromarray(np.clip(np.load(path) * 1000, 0, 65535).astype(np.uint16)).save(path.with_suffix(".png"))
        path.unlink()
    results = folder / "results.json"
    done = evaluate(model, *options(folder), "--dataset", "nyu", "--crop", "none", "--results", results, *called)
    assert done.returncode == 0, done.stderr
    assert f"3 images of {sentence}, crop none" in done.stdout
    assert ("--data NAME does" in done.stderr) == (not called)
    card = push(model, "somebody/model", dry_run=True, licence="apache-2.0", results=results).card
    assert f"On 3 images of {sentence} (" in card and f'"dataset": {{"type": "{kind}", "name": "{sentence}"' in card


def test_results_that_could_not_be_written_are_refused_before_anything_is_predicted(folder: Path, model: Path, evaluate: Command) -> None:
    done = evaluate(model, *options(folder), "--results", folder / "new" / "results.json")
    assert done.returncode == 1 and f"the folder {folder / 'new'} does not exist; make it first" in done.stderr


def test_another_models_results_are_refused(folder: Path, model: Path, evaluate: Command) -> None:
    results = folder / "results.json"
    evaluate(model, *options(folder), "--results", results)
    other = golden("vit").save(folder)
    with pytest.raises(Refusal, match="none of them is the model being pushed"):
        push(other, "somebody/model", dry_run=True, licence="mit", results=results)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "muggle-convert evaluation", "version": 1}', "[" * 5000])
def test_a_file_that_holds_no_results_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(Refusal, match="is not a file that muggle-convert eval"):
        read_results(tmp_path / "results.json")


def test_a_model_that_takes_a_prompt_is_shown_those_of_the_same_names(tmp_path: Path, evaluate: Command) -> None:
    case = golden("promptda_vits_small")
    prompted = case.save(tmp_path, "prompt-depth-anything-vits.ckpt")
    network = load_any_dpt(prompted, **case.options)
    for name in ("images", "truth", "prompts"):
        (tmp_path / name).mkdir()
    picture, prompt = uint8_picture(56, 70, 1), np.linspace(1, 5, 48, dtype=np.float32).reshape(6, 8)
    Image.fromarray(picture).save(tmp_path / "images" / "a.png")
    np.save(tmp_path / "prompts" / "a.npy", prompt)
    np.save(tmp_path / "truth" / "a.npy", network.predict(picture, prompt))
    line = [prompted, *case.arguments, *options(tmp_path)]
    done = evaluate(*line, "--prompts", tmp_path / "prompts", "--json", "--pictures", tmp_path / "drawn")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["numbers"]["abs_rel"] < 1e-5 and list((tmp_path / "drawn").rglob("*.png"))
    assert "name the folder of them with --prompts" in evaluate(*line).stderr
    assert "leave --kb-crop out" in evaluate(*line, "--prompts", tmp_path / "prompts", "--kb-crop").stderr
    (tmp_path / "prompts" / "a.npy").rename(tmp_path / "prompts" / "b.npy")
    assert "holds no prompt for a, a .npy in metres" in evaluate(*line, "--prompts", tmp_path / "prompts").stderr


def test_prompts_that_nobody_looks_at_are_refused(folder: Path, model: Path, evaluate: Command) -> None:
    assert "leave --prompts out" in evaluate(model, *options(folder), "--prompts", folder / "truth").stderr
