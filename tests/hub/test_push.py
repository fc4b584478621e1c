from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, Command
from tests.goldens import RELEASED, Golden
from tests.hub.conftest import CASE
from tests.hub.server import Fault, Hub, Repository

MIT = ["--license", "mit"]


def test_a_push_makes_the_repository_and_one_commit(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model", *MIT)
    assert done.returncode == 0, done.stderr
    (_, (_, files)) = hub.repositories["me/model"].branches["main"]
    assert files["model.safetensors"] == converted.read_bytes()
    assert json.loads(files["config.json"])["config"]["encoder"]["width"] == 64
    assert "/me/model/commit/" in done.stdout


def test_a_pipe_gets_no_progress_bars(run: Command, converted: Path, tmp_path: Path) -> None:
    done = run("push", converted, "me/model", *MIT)
    assert done.returncode == 0 and done.stderr == ""
    shutil.rmtree(tmp_path / "hf")
    assert run("inspect", "me/model").stderr == ""


def test_the_card_says_what_a_reader_wants_to_know(hub: Hub, run: Command, converted: Path) -> None:
    run("push", converted, "me/model", "--license", "cc-by-nc-4.0")
    card = hub.repositories["me/model"].branches["main"][-1][1]["README.md"].decode()
    for expected in (
        "pipeline_tag: depth-estimation",
        "library_name: muggle-convert",
        "license: cc-by-nc-4.0",
        'load_any_dpt("me/model")',
        "relative inverse depth",
        "`depth_anything_v2_vits.pth`",
        "may not be used commercially",
        "@inproceedings{yang2024depthanythingv2",
        "| `encoder.width` | 64 | shape: pretrained.cls_token is [1, 1, 64] |",
    ):
        assert expected in card


def test_a_card_is_read_from_what_it_is_to_how_each_value_is_known(run: Command, converted: Path) -> None:
    card = run("push", converted, "me/model", *MIT, "--dry-run").stdout
    order = [
        "# model\n", "\nDepth-Anything V2", "## How to use it", "## What the numbers mean", "## Limitations", "It is no distance.", "## Numbers",
        "Nothing was measured for this page", "## Licence, and where it came from", "`mit`, according to", "| source file |", "## Citation",
        "<details>\n<summary>Configuration: 36 values", "| `encoder.width` |", "</details>",
    ]  # fmt: skip
    places = [card.index(words) for words in order]
    assert places == sorted(places)
    assert "![" not in card  # without a photograph there is no picture


def test_a_card_has_no_advice_for_whoever_converts(run: Command, tmp_path: Path) -> None:
    """Which option would have said it is of no use to a reader."""
    source = CASE.save(tmp_path, "latest.pth")
    assert "--set max_depth" in run("inspect", source, "--family", "depth_anything_v2").stdout
    card = run("push", source, "me/model", *MIT, "--family", "depth_anything_v2", "--dry-run").stdout
    assert "assumed: nothing says that it is metric |" in card and "--set" not in card


def test_a_photograph_is_shown_with_what_the_pushed_file_predicts_for_it(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model", *MIT, "--picture", ROOT / "fixtures" / "images" / "photograph_like.jpg")
    assert done.returncode == 0, done.stderr
    (_, (_, files)) = hub.repositories["me/model"].branches["main"]
    picture = Image.open(BytesIO(files["depth.png"]))
    assert picture.format == "PNG" and picture.width > 1.8 * picture.height
    assert b"](depth.png)" in files["README.md"]


def test_a_picture_that_is_none_is_refused_before_anything_is_sent(hub: Hub, run: Command, converted: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("words")
    done = run("push", converted, "me/model", *MIT, "--picture", tmp_path / "photo.jpg")
    assert done.returncode == 1 and "photo.jpg is not a picture" in done.stderr and hub.repositories == {}


def test_what_it_was_made_from_and_trained_on_is_said_where_it_is_known(hub: Hub, run: Command, tmp_path: Path) -> None:
    hub.repositories["you/tuned"] = Repository()
    hub.repositories["you/tuned"].commit("main", {"depth_anything_v2_tuned.pth": CASE.save(tmp_path, "a.pth").read_bytes()})
    card = run("push", "you/tuned", "me/model", *MIT, "--dry-run", "--trained-on", "me/rooms", "--trained-on", "NYU: v2").stdout
    assert '\nbase_model: you/tuned\ndatasets:\n- me/rooms\n- "NYU: v2"\ntags:' in card
    assert "| made from | [you/tuned](https://huggingface.co/you/tuned) |" in card
    assert "It was trained on me/rooms, NYU: v2; on what looks otherwise it knows less." in card
    assert "\nbase_model: he/his\n" in run("push", "you/tuned", "me/model", *MIT, "--dry-run", "--base-model", "he/his").stdout
    assert "looks like user/name" in run("push", "you/tuned", "me/model", *MIT, "--dry-run", "--base-model", "a: b/c").stderr


def test_weights_of_nobody_known_have_no_base_model(run: Command, converted: Path) -> None:
    assert "base_model" not in run("push", converted, "me/model", *MIT, "--dry-run").stdout


def test_pushing_again_sends_nothing(hub: Hub, run: Command, converted: Path) -> None:
    run("push", converted, "me/model", *MIT)
    uploads = hub.asked("PUT", "/store/"), hub.asked("POST", "/commit/")
    done = run("push", converted, "me/model", *MIT)
    assert "nothing was sent" in done.stdout and done.returncode == 0
    assert (hub.asked("PUT", "/store/"), hub.asked("POST", "/commit/")) == uploads


def test_an_original_checkpoint_is_converted_on_the_way(hub: Hub, run: Command, tmp_path: Path) -> None:
    done = run("push", CASE.save(tmp_path, "latest.pth"), "me/model", *MIT, "--family", "depth_anything_v2")
    assert done.returncode == 0, done.stderr
    assert b"imgencoder.blocks.0.scale_attn" in hub.repositories["me/model"].branches["main"][-1][1]["model.safetensors"]


def test_a_large_file_goes_up_in_parts_where_the_hub_asks_for_them(hub: Hub, run: Command, converted: Path) -> None:
    hub.chunk_size = 1_000_000
    assert run("push", converted, "me/model", *MIT).returncode == 0
    assert hub.repositories["me/model"].branches["main"][-1][1]["model.safetensors"] == converted.read_bytes()
    assert hub.asked("PUT", r"/store/\w+/\d+") == 3


def test_a_dry_run_shows_the_card_and_the_files_and_sends_nothing(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model", *MIT, "--dry-run")
    assert "pipeline_tag: depth-estimation" in done.stdout and "would send model.safetensors" in done.stdout
    assert hub.requests == []


def test_without_a_licence_nothing_is_pushed(hub: Hub, run: Command, tmp_path: Path) -> None:
    source = CASE.save(tmp_path, "depth_anything_v2_mine.pth")
    done = run("push", source, "me/model")
    assert done.returncode == 1 and "pass --license" in done.stderr and hub.repositories == {}


def test_a_published_name_on_another_network_says_nothing_of_its_licence(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model")
    assert done.returncode == 1 and "pass --license" in done.stderr and hub.repositories == {}


@pytest.mark.full
def test_the_licence_of_a_published_checkpoint_is_known(hub: Hub, run: Command, tmp_path: Path) -> None:
    source = Golden(RELEASED / "depth_anything_v2.vits").save(tmp_path)
    assert run("push", source, "me/model").returncode == 0
    assert b"license: apache-2.0" in hub.repositories["me/model"].branches["main"][-1][1]["README.md"]


def test_a_licence_that_contradicts_the_file_is_refused(hub: Hub, run: Command, tmp_path: Path, converted: Path) -> None:
    run(converted, "-o", tmp_path / "mit.safetensors", "--dtype", "float32", "--licence", "mit")
    done = run("push", tmp_path / "mit.safetensors", "me/model", "--license", "apache-2.0")
    assert done.returncode == 1 and "says mit, not apache-2.0" in done.stderr


def test_the_licence_of_the_repository_it_came_from_is_carried_over(hub: Hub, run: Command, tmp_path: Path) -> None:
    weights = CASE.save(tmp_path, "depth_anything_v2_tuned.pth").read_bytes()
    hub.repositories["you/tuned"] = Repository()
    hub.repositories["you/tuned"].commit(
        "main", {"depth_anything_v2_tuned.pth": weights, "README.md": b"---\nlicense: cc-by-nc-sa-4.0\n---\n"}
    )
    done = run("push", "you/tuned", "me/model")
    assert done.returncode == 0, done.stderr
    assert "does not allow commercial use" in done.stdout
    assert b"license: cc-by-nc-sa-4.0" in hub.repositories["me/model"].branches["main"][-1][1]["README.md"]


def test_a_card_that_is_there_stays_unless_it_is_to_be_replaced(hub: Hub, run: Command, converted: Path) -> None:
    hub.repositories["me/model"] = Repository()
    hub.repositories["me/model"].commit("main", {"README.md": b"---\nlicense: mit\n---\nmine\n"})
    done = run("push", converted, "me/model", *MIT)
    assert "kept the README.md that is there" in done.stdout
    assert hub.repositories["me/model"].branches["main"][-1][1]["README.md"].endswith(b"mine\n")
    run("push", converted, "me/model", *MIT, "--overwrite-card")
    assert b"# model" in hub.repositories["me/model"].branches["main"][-1][1]["README.md"]


def test_a_pull_request_leaves_the_branch_alone(hub: Hub, run: Command, converted: Path) -> None:
    hub.repositories["me/model"] = Repository()
    done = run("push", converted, "me/model", *MIT, "--create-pr")
    assert "/me/model/discussions/1" in done.stdout
    assert len(hub.repositories["me/model"].branches["main"]) == 1
    assert "model.safetensors" in hub.repositories["me/model"].branches["refs/pr/1"][-1][1]


def test_a_push_can_go_to_a_branch_of_its_own(hub: Hub, run: Command, converted: Path) -> None:
    assert run("push", converted, "me/model", *MIT, "--revision", "experiment", "--private").returncode == 0
    assert "model.safetensors" in hub.repositories["me/model"].branches["experiment"][-1][1]
    assert hub.repositories["me/model"].private


def test_the_result_is_json_or_one_line_where_asked(hub: Hub, run: Command, converted: Path) -> None:
    done = json.loads(run("push", converted, "me/model", *MIT, "--json").stdout)
    assert [file["name"] for file in done["files"]] == ["model.safetensors", "config.json", "README.md"]
    assert run("push", converted, "me/model", *MIT, "-q").stdout == "me/model: unchanged\n"


def test_a_branch_that_moved_meanwhile_is_not_overwritten(hub: Hub, run: Command, converted: Path) -> None:
    hub.repositories["me/model"] = Repository()
    hub.move_before_commit = True
    done = run("push", converted, "me/model", *MIT)
    assert done.returncode == 1 and "was changed by somebody else in the meantime" in done.stderr
    assert set(hub.repositories["me/model"].branches["main"][-1][1]) == {"by-somebody-else.txt"}
    assert run("push", converted, "me/model", *MIT).returncode == 0


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("POST", "/commit/", 500, times=99), "the Hub answers 500"),
        (Fault("POST", "/preupload/", 429, times=99), "the Hub asks you to wait"),
        (Fault("POST", "/api/repos/create", 401), "does not accept the token"),
        (Fault("POST", "/commit/", 403), "does not permit you to push to"),
        (Fault("PUT", "/store/", 400, times=99), "the Hub answers 400"),
    ],
)
def test_what_the_hub_answers_is_one_sentence_and_the_push_can_be_repeated(
    fault: Fault, sentence: str, hub: Hub, run: Command, converted: Path
) -> None:
    hub.faults = [fault]
    done = run("push", converted, "me/model", *MIT)
    assert done.returncode == 1 and sentence in done.stderr and done.stderr.count("muggle-convert:") == 1
    hub.faults = []
    assert run("push", converted, "me/model", *MIT).returncode == 0


def test_a_connection_cut_in_the_middle_of_an_upload_can_be_repeated(hub: Hub, run: Command, converted: Path) -> None:
    hub.faults = [Fault("PUT", "/store/", after=500_000, times=99)]
    assert run("push", converted, "me/model", *MIT).returncode == 1
    hub.faults = []
    assert run("push", converted, "me/model", *MIT).returncode == 0
    assert hub.repositories["me/model"].branches["main"][-1][1]["model.safetensors"] == converted.read_bytes()


def test_a_passing_fault_is_not_even_noticed(hub: Hub, run: Command, converted: Path) -> None:
    hub.faults = [Fault("PUT", "/store/", 500, times=1)]
    assert run("push", converted, "me/model", *MIT).returncode == 0


def test_without_the_right_to_write_nothing_changes(hub: Hub, run: Command, converted: Path) -> None:
    hub.forbidden = True
    done = run("push", converted, "me/model", *MIT)
    assert done.returncode == 1 and "does not permit you to push to me/model" in done.stderr


def test_without_a_token_the_push_is_refused(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model", *MIT, HF_TOKEN="")
    assert done.returncode == 1 and "there is no token to push to me/model with" in done.stderr and hub.requests == []


def test_a_token_of_ones_own_is_used_and_never_shown(hub: Hub, run: Command, converted: Path) -> None:
    from tests.hub.server import TOKEN

    assert run("push", converted, "me/model", *MIT, "--token", TOKEN, HF_TOKEN="").returncode == 0


@pytest.mark.parametrize("name", ["not a name", "model", "me/my/model", "me/model.git"])
def test_a_wrong_name_is_refused_before_anything_is_read_and_in_a_dry_run_too(hub: Hub, run: Command, name: str) -> None:
    for more in ([], ["--dry-run"]):
        done = run("push", "no-such-file.pth", name, *MIT, *more)
        assert done.returncode == 1 and "looks like user/name" in done.stderr and done.stderr.count("\n") == 1
    assert hub.requests == []


def test_what_is_set_for_a_push_is_in_the_file_and_its_configuration_too(hub: Hub, run: Command, converted: Path) -> None:
    done = run("push", converted, "me/model", *MIT, "--set", "max_depth=20")
    assert done.returncode == 0, done.stderr
    files = hub.repositories["me/model"].branches["main"][-1][1]
    assert b"up to 20" in files["README.md"]
    assert json.loads(files["config.json"])["config"]["output"]["max_depth"] == 20
    header = json.loads(files["model.safetensors"][8 : 8 + int.from_bytes(files["model.safetensors"][:8], "little")])
    assert json.loads(header["__metadata__"]["muggle_convert"])["config"] == json.loads(files["config.json"])["config"]


@pytest.mark.parametrize(("name", "advice"), [("nonsense licence", "such as apache-2.0"), ("Apache 2.0", "pass --license apache-2.0")])
def test_a_licence_that_the_hub_does_not_know_is_refused(hub: Hub, run: Command, converted: Path, name: str, advice: str) -> None:
    done = run("push", converted, "me/model", "--license", name)
    assert done.returncode == 1 and "the Hub knows no licence" in done.stderr and advice in done.stderr
    assert hub.repositories == {}


def test_a_card_that_stays_must_not_say_another_licence(hub: Hub, run: Command, converted: Path) -> None:
    hub.repositories["me/model"] = Repository()
    hub.repositories["me/model"].commit("main", {"README.md": b"---\nlicense: mit\n---\nmine\n"})
    done = run("push", converted, "me/model", "--license", "apache-2.0")
    assert done.returncode == 1 and "says that the licence is mit, and apache-2.0 would be pushed" in done.stderr
    assert set(hub.repositories["me/model"].branches["main"][-1][1]) == {"README.md"}
    assert run("push", converted, "me/model", "--license", "apache-2.0", "--overwrite-card").returncode == 0


def test_the_licence_of_a_push_is_known_to_whoever_loads_from_there(hub: Hub, run: Command, converted: Path) -> None:
    run("push", converted, "me/model", "--license", "cc-by-4.0")
    assert "cc-by-4.0, known from the config.json beside it" in run("inspect", "me/model").stdout


@pytest.fixture
def folder(tmp_path: Path, converted: Path) -> Path:
    """A model beside what is nobody's business."""
    folder, private = tmp_path / "folder", tmp_path / "private"
    folder.mkdir()
    private.mkdir()
    (private / "key").write_text("secret")
    shutil.copy(converted, private / "model.safetensors")
    for name in (".env", "notes.txt", "training.log"):
        (folder / name).write_text("secret")
    (folder / "README.md").symlink_to(private / "key")
    (folder / "more").symlink_to(private)
    return folder


def test_of_a_folder_nothing_is_pushed_but_what_was_made_of_the_model(hub: Hub, run: Command, converted: Path, folder: Path) -> None:
    shutil.copy(converted, folder / "model.safetensors")
    done = run("push", folder, "me/model", *MIT)
    assert done.returncode == 0, done.stderr
    files = hub.repositories["me/model"].branches["main"][-1][1]
    assert sorted(files) == ["README.md", "config.json", "model.safetensors"]
    assert files["model.safetensors"] == converted.read_bytes()
    assert not any(b"secret" in content for content in (*files.values(), *hub.storage.values()))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_link_out_of_a_folder_is_not_followed_to_be_pushed(hub: Hub, run: Command, converted: Path, folder: Path, name: str) -> None:
    if name == "config.json":
        shutil.copy(converted, folder / "model.safetensors")
        (folder / name).symlink_to(folder.parent / "private" / "key")
    else:
        (folder / name).symlink_to(folder.parent / "private" / name)
    done = run("push", folder, "me/model", *MIT)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"holds {name}, a link that leads out of it to" in done.stderr
    assert hub.repositories == {}


def test_what_somebody_wrote_into_the_header_of_a_converted_file_is_not_pushed(hub: Hub, run: Command, converted: Path) -> None:
    raw = converted.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header["__metadata__"]["notes"] = "secret"
    text = json.dumps(header).encode()
    converted.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])
    assert run("push", converted, "me/model", *MIT).returncode == 0
    assert b"secret" not in hub.repositories["me/model"].branches["main"][-1][1]["model.safetensors"]
