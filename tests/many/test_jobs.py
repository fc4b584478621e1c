"""Which pictures are predicted, and where each prediction goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from muggle_convert import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.many.jobs import Shard, plan_jobs
from muggle_convert.predict.photographs import read_picture


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def targets(folder: Path, out: Path, *inputs: str, suffix: str = ".png") -> list[str]:
    jobs = plan_jobs([folder / name for name in inputs] or [folder], out, suffix)
    return [job.target.relative_to(out).as_posix() for job in jobs]


def test_a_folder_is_mirrored(tmp_path: Path) -> None:
    touch(tmp_path / "in", "b.JPG", "a.png", "deep/er/c.webp", "notes.txt", ".hidden.png", ".cache/d.png")
    assert targets(tmp_path / "in", tmp_path / "out", suffix=".npy") == ["a.npy", "b.npy", "deep/er/c.npy"]


def test_a_video_becomes_a_video(tmp_path: Path) -> None:
    touch(tmp_path / "in", "walk.mov", "still.jpg")
    assert targets(tmp_path / "in", tmp_path / "out") == ["still.png", "walk.mp4"]


def test_one_picture_may_go_to_one_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (job,) = plan_jobs([tmp_path / "a.jpg"], tmp_path / "depth.png", ".png")
    assert job.target == tmp_path / "depth.png"


def test_several_pictures_do_not_fit_one_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(Refusal, match="the name of one file, and there are 2 pictures"):
        plan_jobs([tmp_path / "a.jpg", tmp_path / "b.jpg"], tmp_path / "depth.png", ".png")


def test_a_picture_does_not_become_a_video(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    with pytest.raises(Refusal, match=r"a\.jpg cannot become .*depth\.mp4"):
        plan_jobs([tmp_path / "a.jpg"], tmp_path / "depth.mp4", ".png")


def test_pictures_that_differ_only_in_their_suffixes_keep_them(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.jpg", "a.png", "b.png")
    assert targets(tmp_path / "in", tmp_path / "out") == ["a.jpg.png", "a.png.png", "b.png"]


def test_two_folders_with_the_same_picture_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.png", "two/a.png")
    with pytest.raises(Refusal, match=r"two pictures would both be written to .*a\.png"):
        targets(tmp_path, tmp_path / "out", "one", "two")


def test_results_of_an_earlier_run_inside_the_folder_are_not_predicted_again(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "depth/a.png", "depth/b.png")
    assert targets(tmp_path, tmp_path / "depth") == ["a.png"]


def test_pictures_are_never_written_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(Refusal, match="is one of the pictures themselves"):
        plan_jobs([tmp_path], tmp_path, ".png")


def test_a_folder_without_pictures_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "in", "notes.txt")
    with pytest.raises(Refusal, match="there is no picture in"):
        plan_jobs([tmp_path / "in"], tmp_path / "out", ".png")
    with pytest.raises(Refusal, match=r"nothing\.png does not exist"):
        plan_jobs([tmp_path / "nothing.png"], tmp_path / "out", ".png")


def test_a_folder_this_user_may_not_list_is_not_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "in", "a.png", "closed/b.png")
    look = os.scandir

    def scandir(folder: str | Path) -> Any:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return look(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out", ".png")
    assert [job.source.relative_to(tmp_path / "in").as_posix() for job in jobs] == ["a.png", "closed"]
    with pytest.raises(Refusal):
        read_picture(jobs[1].source)


def test_a_file_that_fails_half_way_leaves_nothing_and_harms_nothing(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.png"
    target.parent.mkdir()
    target.write_text("before")
    with pytest.raises(ValueError, match="half-way"), replacing(target) as part:
        part.write_text("half")
        raise ValueError("half-way")
    assert target.read_text() == "before"
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_a_target_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(Refusal, match=r"could not be written"), replacing(tmp_path / "file" / "a.png") as part:
        part.touch()


def test_a_full_disk_is_reported_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"the disk took only a part of it"), replacing(tmp_path / "a.npy"):
        raise OSError("307200 requested and 262112 written")


def test_nothing_is_looked_up_that_a_listing_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "in", *(f"{number % 5}/{number:04}.png" for number in range(500)))
    touch(tmp_path / "out", *(f"{number % 5}/{number:04}.npy" for number in range(300)))
    looked: list[object] = []
    look = os.stat
    monkeypatch.setattr(os, "stat", lambda *given, **more: looked.append(given) or look(*given, **more))
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out", ".npy")
    assert sum(job.is_there for job in jobs) == 300 and len(jobs) == 500
    assert len(looked) < 10


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_pictures_are_not_written_over_through_links_either(tmp_path: Path, link: str) -> None:
    touch(tmp_path / "out", "a.png")
    (tmp_path / "in").mkdir()
    getattr(tmp_path / "in" / "a.png", link)(tmp_path / "out" / "a.png")
    for given in (tmp_path / "in", tmp_path / "in" / "a.png"):
        with pytest.raises(Refusal, match="is one of the pictures themselves"):
            plan_jobs([given], tmp_path / "out", ".png")


def test_shards_are_all_of_it_without_overlap_and_stay_as_a_folder_grows(tmp_path: Path) -> None:
    touch(tmp_path / "in", *(f"{number}.png" for number in range(100)))
    out = tmp_path / "out"
    before = plan_jobs([tmp_path / "in"], out, ".npy")
    shards = [Shard.parsed(f"{number}/4").of(before, str(out)) for number in (1, 2, 3, 4)]
    assert sorted(job.file for shard in shards for job in shard) == sorted(job.file for job in before)
    assert all(10 < len(shard) < 40 for shard in shards)
    touch(tmp_path / "in", *(f"later-{number}.png" for number in range(100)))
    after = Shard.parsed("2/4").of(plan_jobs([tmp_path / "in"], out, ".npy"), str(out))
    assert {job.file for job in shards[1]} == {job.file for job in after if "later" not in job.file}


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "3/", "a/b", "-1/4"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="such as --shard 3/64 for the third of 64; the first is 1/64"):
        Shard.parsed(text)
