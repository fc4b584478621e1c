from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.conftest import Command, Python
from tests.hub.conftest import CASE
from tests.hub.server import TOKEN, Fault, Hub, Repository

Prediction = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def predict(hub: Hub, tmp_path: Path, python: Python) -> Prediction:
    """Load a model in a fresh process and hold its prediction against the reference."""

    def run(model: str, **options: str) -> subprocess.CompletedProcess[str]:
        script = (
            "import sys\nfrom muggle_convert import Refusal, load_any_dpt\nfrom tests.goldens import golden\n"
            f"try:\n    model = load_any_dpt({model!r}, **{options!r})\nexcept Refusal as refusal:\n    sys.exit(str(refusal))\n"
            f"assert golden({CASE.name!r}).error(model) <= 5e-4"
        )
        around = {"HF_ENDPOINT": hub.address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "hf"), "HF_HUB_ETAG_TIMEOUT": "5"}
        done = python(["-c", script], env=around, cwd=tmp_path, patient=False)
        assert TOKEN not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    return CASE.save(tmp_path, "weights.pth").read_bytes()


def publish(hub: Hub, name: str, **files: bytes) -> None:
    hub.repositories[name] = Repository()
    hub.repositories[name].commit("main", {path.replace("__", "."): content for path, content in files.items()})


def test_what_was_pushed_predicts_the_same_when_it_is_loaded(
    hub: Hub, run: Command, converted: Path, tmp_path: Path, predict: Prediction
) -> None:
    assert run("push", converted, "me/model", "--license", "mit").returncode == 0
    shutil.rmtree(tmp_path / "hf")
    done = predict("me/model")
    assert done.returncode == 0, done.stderr


def test_the_authors_own_repositories_load(hub: Hub, weights: bytes, predict: Prediction) -> None:
    publish(hub, "depth-anything/Depth-Anything-V2-Small", depth_anything_v2_vits__pth=weights, README__md=b"---\n---\n")
    done = predict("depth-anything/Depth-Anything-V2-Small")
    assert done.returncode == 0, done.stderr


def test_the_name_of_a_repository_is_evidence(hub: Hub, tmp_path: Path, run: Command, weights: bytes) -> None:
    publish(hub, "LiheYoung/depth_anything_vits14", pytorch_model__bin=weights, config__json=b'{"encoder": "vits"}')
    found = json.loads(run("inspect", "LiheYoung/depth_anything_vits14", "--json").stdout)
    assert found["family"] == "depth_anything_v1"
    assert found["evidence"]["family"] == ["file name", "LiheYoung/depth_anything_vits14/pytorch_model.bin"]


def test_what_was_pushed_is_verified_and_exported_from_the_hub(run: Command, converted: Path, tmp_path: Path) -> None:
    assert run("push", converted, "me/model", "--license", "mit").returncode == 0
    done = run("verify", tmp_path / "depth_anything_v2_vits.pth", "me/model")
    assert done.returncode == 0 and "holds the original" in done.stdout, done.stderr
    done = run("export", "me/model", "--to", "transformers", "-o", "folder")
    assert done.returncode == 0 and (tmp_path / "folder" / "config.json").exists(), done.stderr


def test_the_preprocessor_is_fetched_with_the_weights(hub: Hub, weights: bytes, predict: Prediction) -> None:
    files = {"depth_anything_v2__pth": weights, "preprocessor_config__json": b"{}", "tokenizer__json": b"{}"}
    publish(hub, "you/depth_anything_v2", **files)
    done = predict("you/depth_anything_v2")
    assert done.returncode == 0, done.stderr
    assert hub.asked("GET", "/preprocessor_config.json") == 1 and hub.asked("GET", "/tokenizer.json") == 0


def test_offline_the_cache_serves_though_it_holds_only_what_was_needed(hub: Hub, run: Command, weights: bytes) -> None:
    publish(hub, "you/depth_anything_v2", model__pth=weights, README__md=b"never fetched")
    assert run("inspect", "you/depth_anything_v2").returncode == 0
    hub.shutdown()
    hub.server_close()
    for environment in ({"HF_HUB_OFFLINE": "1"}, {}):
        done = run("inspect", "you/depth_anything_v2", **environment)
        assert done.returncode == 0, done.stderr


def test_a_busy_hub_is_asked_again(hub: Hub, run: Command, weights: bytes) -> None:
    publish(hub, "you/depth_anything_v2", model__pth=weights)
    hub.faults = [Fault("GET", "/api/models/", 503, times=2)]
    done = run("inspect", "you/depth_anything_v2")
    assert done.returncode == 0, done.stderr


def test_a_revision_and_a_file_of_it_can_be_asked_for(hub: Hub, weights: bytes, predict: Prediction) -> None:
    publish(hub, "you/many", depth_anything_v2_a__pth=b"not weights", depth_anything_v2_b__pth=b"nor these")
    hub.repositories["you/many"].branches["good"] = [("1" * 40, {"depth_anything_v2_a.pth": b"x", "depth_anything_v2_b.pth": weights})]
    done = predict("you/many", revision="good", filename="depth_anything_v2_b.pth")
    assert done.returncode == 0, done.stderr


def test_shards_in_the_cache_are_put_together(hub: Hub, tmp_path: Path, predict: Prediction) -> None:
    state = CASE.state_dict()
    names = sorted(state)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    files: dict[str, bytes] = {}
    for shard, held in shards.items():
        save_file({name: state[name] for name in held}, tmp_path / shard)
        files[shard] = (tmp_path / shard).read_bytes()
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    hub.repositories["you/depth_anything_v2_shards"] = Repository()
    hub.repositories["you/depth_anything_v2_shards"].commit("main", files)
    done = predict("you/depth_anything_v2_shards")
    assert done.returncode == 0, done.stderr


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr


def test_several_files_of_weights_are_refused_with_the_ways_to_choose(hub: Hub, predict: Prediction) -> None:
    publish(hub, "you/many", a__pth=b"1", b__pth=b"2")
    advice = "say which with filename= in Python, or fetch it with `hf download you/many FILE` and give the file"
    refused(predict("you/many"), f"several files of weights (a.pth, b.pth); {advice}")


def test_a_repository_without_weights_is_refused(hub: Hub, predict: Prediction) -> None:
    publish(hub, "you/nothing", README__md=b"")
    refused(predict("you/nothing"), "you/nothing holds no weights, only README.md")
    hub.repositories["you/empty"] = Repository()
    refused(predict("you/empty"), "you/empty holds no files")


def test_a_missing_repository_is_one_sentence(hub: Hub, predict: Prediction) -> None:
    refused(predict("nobody/nothing"), "there is no repository nobody/nothing that you can see")


def test_a_gated_repository_is_one_sentence(hub: Hub, weights: bytes, predict: Prediction) -> None:
    publish(hub, "you/gated", model__pth=weights)
    hub.repositories["you/gated"].gated = True
    refused(predict("you/gated"), "you/gated is gated; ask for access")


def test_a_missing_revision_is_one_sentence(hub: Hub, weights: bytes, predict: Prediction) -> None:
    publish(hub, "you/model", model__pth=weights)
    refused(predict("you/model", revision="nowhere"), "you/model has no such revision")


def test_without_a_network_and_a_cache_it_is_one_sentence(hub: Hub, predict: Prediction) -> None:
    hub.shutdown()
    hub.server_close()
    done = predict("you/model")
    refused(done, "is not in the cache and the Hub cannot be reached")
    assert done.stderr.count("\n") == 1


def test_an_interrupted_download_of_the_client_resumes(hub: Hub, weights: bytes, predict: Prediction) -> None:
    publish(hub, "you/depth_anything_v2", model__pth=weights)
    hub.faults = [Fault("GET", "/resolve/", after=1_000_000)]
    done = predict("you/depth_anything_v2")
    assert done.returncode == 0, done.stderr
