"""`muggle-convert depth` as a user runs it."""

from __future__ import annotations

import json
import re
import sys
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from muggle_convert import load_any_dpt
from muggle_convert.many.claims import Claims
from muggle_convert.many.jobs import ABSENT, Job
from muggle_convert.predict.video import encoder, open_video
from tests.conftest import Command
from tests.goldens import golden, uint8_picture


@pytest.fixture
def depth(muggle_convert_here: Command) -> Command:
    return partial(muggle_convert_here, "depth")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden("depth_anything_v2").save(tmp_path_factory.mktemp("model"), "depth_anything_v2_vits.pth")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two good pictures, one of them in a subfolder, two broken ones, and a file that is not a picture."""
    folder = tmp_path / "photographs"
    (folder / "garden").mkdir(parents=True)
    Image.fromarray(uint8_picture(50, 81, 1)).save(folder / "house.jpg")
    Image.fromarray(uint8_picture(81, 50, 2)).save(folder / "garden" / "tree.png")
    (folder / "half.jpg").write_bytes((folder / "house.jpg").read_bytes()[:700])
    (folder / "words.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def test_a_folder_of_good_and_broken_pictures(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "depth"
    done = depth(photographs, "-m", model, "-o", out)

    assert done.returncode == 1
    assert "2 written" in done.stdout
    assert [line.partition(" is ")[0] for line in done.stderr.splitlines()] == [
        f"failed: {photographs / 'half.jpg'}",
        f"failed: {photographs / 'words.png'}",
    ]
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        ".muggle-convert", ".muggle-convert/png.failed.jsonl", ".muggle-convert/png.json", "garden/tree.png", "house.png",
    ]  # fmt: skip
    assert Image.open(out / "house.png").mode == "RGB"


def test_a_second_run_resumes_the_first(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "depth"
    for name in ("half.jpg", "words.png"):
        (photographs / name).unlink()
    assert depth(photographs / "house.jpg", "-m", model, "-o", out, "--format", "npy").returncode == 0
    (out / "house.npy").write_text("made before")

    done = depth(photographs, "-m", model, "-o", out, "--format", "npy")
    assert done.returncode == 0, done.stderr
    assert "1 written" in done.stdout
    assert "1 of 2 were already there" in done.stdout
    assert (out / "house.npy").read_text() == "made before"

    assert depth(photographs, "-m", model, "-o", out, "--format", "npy", "--force").returncode == 0
    assert np.load(out / "house.npy").shape == (50, 81)


def test_a_second_format_in_the_folder_does_not_keep_the_first_from_resuming(
    depth: Command, model: Path, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "depth"
    for form in ("npz", "png16", "npz", "png16"):
        arguments = [photographs / "house.jpg", "-m", model, "-o", out, "--format", form]
        done = depth(*arguments)
        assert done.returncode == 0, done.stderr
    assert "1 of 1 were already there" in done.stdout
    (out / ".muggle-convert").rename(tmp_path / "notes")  # as versions before had one note
    (tmp_path / "notes" / "npz.json").rename(out / ".muggle-convert.json")
    assert depth(photographs / "house.jpg", "-m", model, "-o", out, "--format", "npz").returncode == 0


def test_what_failed_is_kept_in_a_file_and_tried_again(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    arguments = [photographs, "-m", model, "-o", tmp_path / "depth"]
    kept = tmp_path / "depth" / ".muggle-convert" / "png.failed.jsonl"
    assert f"2 failed, listed in {kept}; the same command tries them again" in depth(*arguments).stdout
    first, second = map(json.loads, kept.read_text().splitlines())
    assert first["picture"] == str(photographs / "half.jpg") and first["error"].startswith("half.jpg is damaged")
    assert second["file"] == "words.png"

    (photographs / "half.jpg").write_bytes((photographs / "house.jpg").read_bytes())
    done = depth(*arguments)
    assert "1 written" in done.stdout and "2 that failed before were tried again; 1 failed" in done.stdout
    assert [json.loads(line)["file"] for line in kept.read_text().splitlines()] == ["words.png"]

    (photographs / "words.png").write_bytes((photographs / "garden" / "tree.png").read_bytes())
    done = depth(*arguments)
    assert done.returncode == 0 and "1 that failed before was tried again" in done.stdout
    assert not kept.exists()


def test_a_picture_that_another_run_has_is_waited_for(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "depth"
    arguments = [photographs / "house.jpg", photographs / "garden" / "tree.png", "-m", model, "-o", out, "--format", "npy"]
    assert depth(*arguments).returncode == 0
    recipe = json.loads((out / ".muggle-convert" / "npy.json").read_bytes())
    (out / "house.npy").rename(tmp_path / "house.npy")
    with Claims(out, ".npy", recipe) as other:
        other.begin(Job("house.jpg", str(out / "house.npy"), ABSENT, None))
        thread = threading.Timer(0.5, lambda: [(tmp_path / "house.npy").rename(out / "house.npy"), other.release(str(out / "house.npy"))])
        thread.start()
        done = depth(*arguments)
        thread.join()
    assert "0 written" in done.stdout and "1 was written by another run meanwhile" in done.stdout


def test_a_part_of_a_list_of_pictures(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{photographs}/house.jpg\n{photographs}/garden/tree.png\n")
    counts = []
    for number in (1, 2):
        done = depth(f"@{tmp_path}/list.txt", "-m", model, "-o", tmp_path / "depth", "--shard", f"{number}/2")
        assert done.returncode == 0, done.stderr
        counts.append(int(re.search(r"the shard holds (\d) of 2", done.stdout)[1]))
    assert sum(counts) == 2
    assert len(list((tmp_path / "depth").rglob("*.png"))) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--format", "png16"], "holds predictions made with --format png, and png16 is asked for"),
        (["--size", "84"], "made with --size no value, and 84 is asked for"),
        (["--set", "max_depth=20"], "made with the model depth_anything_v2_vits.pth ("),
    ],
)
def test_predictions_made_with_other_options_do_not_count_as_done(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    arguments = [photographs / "house.jpg", "-m", model, "-o", tmp_path / "depth"]
    assert depth(*arguments).returncode == 0
    before = (tmp_path / "depth" / "house.png").read_bytes()
    done = depth(*arguments, *options)
    assert done.returncode == 1 and sentence in done.stderr and "--force" in done.stderr
    assert (tmp_path / "depth" / "house.png").read_bytes() == before
    assert depth(*arguments, *options, "--force").returncode == 0
    assert depth(*arguments, *options).returncode == 0


def test_files_of_unknown_origin_do_not_count_as_done(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "house.png").write_text("made by somebody")
    done = depth(photographs, "-m", model, "-o", tmp_path / "depth")
    assert done.returncode == 1 and "already holds 1 of the files, and nothing says how they were made" in done.stderr
    assert (tmp_path / "depth" / "house.png").read_text() == "made by somebody"


def test_a_converted_model_resumes_a_run_of_its_original(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, muggle_convert_here: Command
) -> None:
    assert muggle_convert_here(model, "-o", tmp_path / "converted.safetensors").returncode == 0
    assert depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "depth").returncode == 0
    assert depth(photographs / "house.jpg", "-m", tmp_path / "converted.safetensors", "-o", tmp_path / "depth").returncode == 0


def test_a_missing_picture_among_others_is_a_failure(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    done = depth(photographs / "house.jpg", tmp_path / "nothing.png", "-m", model, "-o", tmp_path / "depth")
    assert done.returncode == 1
    assert "1 written" in done.stdout
    assert done.stderr == f"failed: {tmp_path / 'nothing.png'} does not exist.\n"


@pytest.mark.parametrize("ending", ["npy", "exr", "ply", "png", "glb"])
def test_the_name_of_a_single_file_says_its_format(depth: Command, model: Path, photographs: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"depth.{ending}"
    done = depth(photographs / "house.jpg", "-m", model, "-o", target)
    assert done.returncode == 0, done.stderr
    beginnings = {"npy": b"\x93NUMPY", "exr": b"v/1\x01", "ply": b"ply\n", "png": b"\x89PNG", "glb": b"glTF"}
    assert target.read_bytes().startswith(beginnings[ending])


def test_the_numbers_are_those_of_predict(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    done = depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "depth.npy", "--size", 84)
    assert done.returncode == 0, done.stderr
    expected = load_any_dpt(model).predict(photographs / "house.jpg", size=84)
    assert np.allclose(np.load(tmp_path / "depth.npy"), expected, atol=1e-5)


def test_what_is_fastest_is_found_out_and_told_where_that_is_asked_for(depth: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in range(4):
        Image.new("RGB", (70, 56), (60 * name, 90, 90)).save(tmp_path / "photos" / f"{name}.png")
    result = depth(tmp_path / "photos", "-m", model, "-o", tmp_path / "out", "--format", "npy", "--optimize")
    assert result.returncode == 0 and result.stderr.endswith(", taken\n") and " ms, off by " in result.stderr


def test_one_of_several_sets_of_weights_is_chosen_and_foreign_tensors_are_dropped(
    depth: Command, photographs: Path, tmp_path: Path
) -> None:
    weights = golden("depth_anything_v2").state_dict()
    student = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    torch.save({"student": student, "teacher": {**weights, "aux.0.weight": torch.ones(3)}}, tmp_path / "depth_anything_v2_vits.pth")
    arguments = [photographs / "house.jpg", "-m", tmp_path / "depth_anything_v2_vits.pth", "-o", tmp_path / "depth.npy"]
    assert "say which with --state KEY" in depth(*arguments).stderr
    assert "leave it out with --drop 'aux.0.weight'" in depth(*arguments, "--state", "teacher").stderr
    done = depth(*arguments, "--state", "teacher", "--drop", "aux.{n}.weight")
    assert done.returncode == 0, done.stderr
    assert np.ptp(np.load(tmp_path / "depth.npy")) > 0


def test_a_large_picture_is_processed_alone_with_the_same_result(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photographs / "half.jpg").unlink()
    assert depth(photographs, "-m", model, "-o", tmp_path / "together", "--format", "npy").returncode == 1
    monkeypatch.setattr("muggle_convert.predict.photographs.LARGE", 1000)
    assert depth(photographs, "-m", model, "-o", tmp_path / "alone", "--format", "npy").returncode == 1
    for name in ("house.npy", "garden/tree.npy"):
        assert np.array_equal(np.load(tmp_path / "alone" / name), np.load(tmp_path / "together" / name))


def test_side_by_side_and_comparison_widen_the_picture(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    picture = tmp_path / "large.png"
    Image.fromarray(uint8_picture(300, 400, 3)).save(picture)
    widths = []
    for number, options in enumerate([["--no-legend"], ["--side-by-side"], ["--compare", model], ["--compare", model, "--side-by-side"]]):
        target = tmp_path / f"{number}.png"
        done = depth(picture, "-m", model, "--set", "max_depth=20", "-o", target, *options)
        assert done.returncode == 0, done.stderr
        widths.append(Image.open(target).width // 400)
    assert widths == [1, 2, 3, 4]


def test_known_distances_make_metres(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    relative = load_any_dpt(model).predict(photographs / "house.jpg")
    (near_y, near_x), (far_y, far_x) = (np.unravel_index(place, relative.shape) for place in (relative.argmax(), relative.argmin()))
    known = ["--known", f"{near_x},{near_y}=1.5", "--known", f"{far_x},{far_y}=12"]
    done = depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "depth.npy", *known)
    assert done.returncode == 0, done.stderr
    metres = np.load(tmp_path / "depth.npy")
    assert (metres.min(), metres.max()) == (pytest.approx(1.5, rel=1e-3), pytest.approx(12, rel=1e-3))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--known", "here=1"], "is not X,Y=METRES"),
        (["--known", "1,1=-3", "--known", "3,3=4"], "a finite number above zero is needed"),
        (["--known", "1,1=3", "--known", "1,1=4"], "says twice how far away the pixel 1,1 is"),
        (["--known", "1,1=3"], "metres take at least two"),
        (["--compare", "SAME", "--compare", "SAME"], "takes one model to compare with, and 2 were given"),
        (["--fov", "70"], "is for what stands in space"),
        (["--fov", "70", "--format", "stereo"], "leave it out, or write one of ply, ply-mesh, glb, normals, html"),
        (["--fov", "70", "--focal", "500", "--format", "glb"], "--focal says already what the camera saw"),
        (["--no-mirror"], "predicts every picture once, so there is no second pass to leave out"),
        (["--format", "ply", "--confidence", "2"], "--confidence is for pictures of one scene"),
        (["--fps", "2"], "--fps is for videos, and there is none"),
        (["--known", "1,1=2", "--known", "3,3=4", "--set", "max_depth=20"], "known distances are of no use"),
        (["--format", "ply", "--side-by-side"], "are for the colours of png"),
        (["--format", "npy", "--compare", "SAME"], "a comparison is a picture"),
        (["--device", "abacus"], "nothing can be computed on device abacus"),
    ],
)
def test_contradictory_options_are_refused_in_one_sentence(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    arguments = [str(model) if option == "SAME" else option for option in options]
    done = depth(photographs, "-m", model, "-o", tmp_path / "depth", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "depth").exists()


def test_a_model_that_predicts_only_nans_writes_no_picture(depth: Command, photographs: Path, tmp_path: Path) -> None:
    weights = golden("depth_anything_v2").state_dict()
    weights["pretrained.norm.bias"] = torch.full_like(weights["pretrained.norm.bias"], torch.nan)
    torch.save(weights, tmp_path / "depth_anything_v2_vits.pth")
    done = depth(photographs / "house.jpg", "-m", tmp_path / "depth_anything_v2_vits.pth", "-o", tmp_path / "depth.png")
    assert done.returncode == 1 and "the prediction is not a number for 100.0% of the pixels" in done.stderr
    assert not (tmp_path / "depth.png").exists()


@pytest.mark.parametrize("options", [[], ["--format", "ply"]])
def test_an_unknown_file_format_is_refused_with_a_list_of_the_known_ones(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, options: list[str]
) -> None:
    done = depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "points.xyz", *options)
    assert done.returncode == 1
    assert (
        "ends in .xyz, and files are written as .png, .npy, .npz, .exr, .ply, .glb, .html, .mp4; if it is meant as a folder, make it first"
        in done.stderr
    )
    assert not (tmp_path / "points.xyz").exists()


def test_an_existing_folder_may_have_any_name(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "of.2026").mkdir()
    assert depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "of.2026").returncode == 0
    assert (tmp_path / "of.2026" / "house.png").exists()


def test_a_file_needs_an_existing_folder(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    done = depth(photographs / "house.jpg", "-m", model, "-o", tmp_path / "new" / "depth.png")
    assert done.returncode == 1
    assert f"the folder {tmp_path / 'new'} does not exist; make it first" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_contradiction_between_name_and_format_is_refused(depth: Command, model: Path, photographs: Path) -> None:
    done = depth(photographs / "house.jpg", "-m", model, "-o", photographs / "depth.exr", "--format", "ply")
    assert done.returncode == 1
    assert "ends in .exr, and --format ply writes .ply" in done.stderr


def test_a_single_file_that_exists_is_kept_without_force(depth: Command, model: Path, photographs: Path, tmp_path: Path) -> None:
    target = tmp_path / "depth.png"
    target.write_text("made before")
    done = depth(photographs / "house.jpg", "-m", model, "-o", target)
    assert done.returncode == 1
    assert "predict it again with --force" in done.stderr
    assert target.read_text() == "made before"


def test_several_channels_are_written_as_numbers_only(depth: Command, photographs: Path, tmp_path: Path) -> None:
    normals = golden("hybrid_3_channels").save(tmp_path)
    picture = photographs / "house.jpg"
    refused = depth(picture, "-m", normals, "-o", tmp_path / "normals.png")
    assert refused.returncode == 1
    assert "predicts channels, which png cannot hold; write it with --format npy" in refused.stderr
    assert depth(picture, "-m", normals, "-o", tmp_path / "normals.npy").returncode == 0
    assert np.load(tmp_path / "normals.npy").shape == (50, 81, 3)


def test_a_segmentation_model_paints_classes(depth: Command, photographs: Path, tmp_path: Path) -> None:
    classes = golden("vit_seg_19").save(tmp_path)
    done = depth(photographs / "house.jpg", "-m", classes, "-o", tmp_path / "classes.png", "--size", 96)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "classes.png").size == (81, 50)


def test_a_video_becomes_a_video_of_depth(depth: Command, model: Path, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    with encoder(video, Fraction(5), (48, 64)) as write:
        for number in range(6):
            write(uint8_picture(48, 64, number))
    done = depth(video, "-m", model, "-o", tmp_path / "depth", "--fps", 2.5, "--no-legend")
    assert done.returncode == 0, done.stderr
    frames = list(open_video(tmp_path / "depth" / "walk.mp4"))
    assert len(frames) == 3
    assert frames[0].shape == (48, 64, 3)


@pytest.mark.parametrize(("form", "width"), [("stereo", 128), ("normals", 64)])
def test_a_video_becomes_a_video_of_pairs_or_of_normals(depth: Command, model: Path, tmp_path: Path, form: str, width: int) -> None:
    with encoder(tmp_path / "walk.mp4", Fraction(5), (48, 64)) as write:
        for number in range(2):
            write(uint8_picture(48, 64, number))
    done = depth(tmp_path / "walk.mp4", "-m", model, "-o", tmp_path / "depth", "--format", form)
    assert done.returncode == 0, done.stderr
    assert [frame.shape for frame in open_video(tmp_path / "depth" / "walk.mp4")] == [(48, width, 3)] * 2
    refused = depth(tmp_path / "walk.mp4", "-m", model, "-o", tmp_path / "meshes", "--format", "glb")
    assert refused.returncode == 1 and "--format glb is for pictures" in refused.stderr


@pytest.mark.parametrize(
    ("form", "ending", "size"),
    [("ply-mesh", "ply", None), ("normals", "png", (81, 50)), ("stereo", "png", (162, 50)), ("anaglyph", "png", (81, 50))],
)
def test_what_stands_in_space_is_made_of_a_folder_and_resumed(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, form: str, ending: str, size: tuple[int, int] | None
) -> None:
    arguments = [photographs / "house.jpg", "-m", model, "-o", tmp_path / "out", "--format", form]
    assert depth(*arguments).returncode == 0
    made = tmp_path / "out" / f"house.{ending}"
    if size is None:
        assert len(trimesh.load(made).faces) > 100
    else:
        assert Image.open(made).size == size
    assert "1 of 1 were already there" in depth(*arguments).stdout
    other = depth(*arguments[:-1], "png16" if ending == "png" else "ply")
    assert f"holds predictions made with --format {form}" in other.stderr


def test_without_pyav_a_video_is_a_failure_and_pictures_go_on(
    depth: Command, model: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for name in ("half.jpg", "words.png"):
        (photographs / name).unlink()
    (photographs / "walk.mp4").write_bytes(b"a video")
    done = depth(photographs, "-m", model, "-o", tmp_path / "depth")
    assert done.returncode == 1
    assert "walk.mp4 is a video, and PyAV, which reads videos, is not installed" in done.stderr
    assert "2 written" in done.stdout


def test_a_separate_process_ends_with_the_status_and_the_list_of_failures(
    muggle_convert: Command, model: Path, photographs: Path, tmp_path: Path
) -> None:
    done = muggle_convert("depth", photographs, "-m", model, "-o", tmp_path / "depth")
    assert done.returncode == 1
    assert "2 written" in done.stdout
    assert len(done.stderr.splitlines()) == 2


def test_help_names_every_option_without_loading_torch(muggle_convert: Command) -> None:
    done = muggle_convert("depth", "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert "--side-by-side" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert "torch" not in imported
