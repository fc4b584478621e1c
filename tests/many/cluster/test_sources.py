"""What inputs stand for, without a cluster."""

from __future__ import annotations

import io
import re
import sys
import tarfile
from pathlib import Path

import pytest

from muggle_convert.errors import Refusal
from tests.conftest import Command

pytest.importorskip("ray")
import pyarrow as pa
import pyarrow.parquet as pq

from muggle_convert.many.cluster.rows import Wanted, pack, unpack
from muggle_convert.many.cluster.sources import Source, source_of
from muggle_convert.many.cluster.stores import Parquet


def read(source: Source, done: frozenset[str] = frozenset()) -> list[Wanted]:
    return [wanted for unit in source.units(lambda picture: picture.name in done, done) for some in source.read(unit) for wanted in some]


def source(*inputs: object, column: str | None = None, key: str | None = None) -> Source:
    return source_of(map(str, inputs), "out", ".npz", 2, column, key)


def test_folders_are_mirrored_as_locally(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "deep/b.jpg", ".hidden.png", "walk.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = source(tmp_path)
    assert {wanted.key: (wanted.name, wanted.content) for wanted in read(found)} == {
        "a.jpg": ("a.jpg.npz", b"a.jpg"),
        "a.png": ("a.png.npz", b"a.png"),
        "deep/b.jpg": ("deep/b.npz", b"deep/b.jpg"),
    }
    assert (found.total, found.videos) == (3, 1)


def test_what_is_done_is_not_read_again(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").touch()
    assert [wanted.key for wanted in read(source(tmp_path), frozenset({"b.npz"}))] == ["a.png", "c.png"]


def test_braces_stand_for_shards_and_a_broken_one_is_a_row(tmp_path: Path) -> None:
    for number in range(2):
        with tarfile.open(tmp_path / f"{number:04}.tar", "w") as shard:
            entry = tarfile.TarInfo("x.y.jpg")
            entry.size = 3
            shard.addfile(entry, io.BytesIO(b"jpg"))
    (tmp_path / "0001.tar").write_bytes(b"no shard")
    good, broken = read(source(tmp_path / "{0000..0001}.tar"))
    assert good == Wanted("0000.tar/x.y.jpg", "0000/x.npz", b"jpg")
    assert broken.content is None and "0001.tar cannot be read to its end" in str(broken.problem)


def test_a_list_of_addresses(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"png")
    (tmp_path / "list.txt").write_text(f"file://{tmp_path}/picture.png\nfile://{tmp_path}/nothing.png\n")
    there, missing = read(source(tmp_path / "list.txt"))
    assert there.content == b"png" and missing.problem == f"file://{tmp_path}/nothing.png does not exist."


def test_a_column_of_bytes(tmp_path: Path) -> None:
    table = pa.table({"name": ["a", "b", "c"], "picture": [b"1", b"2", None]})
    pq.write_table(table, tmp_path / "pictures.parquet", row_group_size=2)
    rows = read(source(tmp_path / "pictures.parquet"), frozenset({"pictures/00000000.npz"}))
    assert [(row.key, row.content) for row in rows] == [("pictures/00000001", b"2"), ("pictures/00000002", None)]
    assert [row.name for row in read(source(tmp_path / "pictures.parquet", key="name"))] == ["a.npz", "b.npz", "c.npz"]
    with pytest.raises(Refusal, match="has no column depth; its columns are name, picture"):
        source(tmp_path / "pictures.parquet", column="depth")


def test_pictures_are_never_written_over_and_results_among_them_are_not_predicted(tmp_path: Path) -> None:
    for name in ("a.png", "depth/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert source_of([str(tmp_path)], str(tmp_path / "depth"), ".png", 2, None, None).total == 1
    with pytest.raises(Refusal, match=r"a\.png is one of the pictures themselves"):
        source_of([str(tmp_path)], f"file://{tmp_path}", ".png", 2, None, None)


def test_several_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="of several kinds, pictures and shards"):
        source(tmp_path, tmp_path / "a.tar")


def test_bytes_that_end_in_zeros_keep_them() -> None:
    pictures = [Wanted("a", "a.npz", b"\1\0\0"), Wanted("b", "b.npz", problem="it is missing.")]
    assert unpack(pack(pictures)) == pictures


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("s3://bucket/photos",), "s3://bucket/photos is a URL, and those are for --ray"),
        (("photos", "--format", "parquet"), "--format parquet belongs to --ray"),
        (("photos", "--batch", "3"), "--batch belongs to --ray"),
        (("photos", "--fps", "3", "--ray"), "--fps is not for --ray"),
        (("photos", "--inside", "npy", "--ray"), "--inside is for --format webdataset and parquet"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], sentence: str, muggle_convert_here: Command, tmp_path: Path
) -> None:
    done = muggle_convert_here("depth", *arguments, "-m", "model.pth", "-o", tmp_path / "out")
    assert done.returncode == 1 and sentence in done.stderr and not (tmp_path / "out").exists()


def test_without_ray_the_extra_is_named(muggle_convert_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = muggle_convert_here("depth", tmp_path, "-m", "model.pth", "-o", tmp_path / "out", "--ray")
    assert done.returncode == 1
    assert done.stderr.strip() == 'muggle-convert: --ray needs ray, which is not installed; pip install "muggle-convert[ray]".'


def test_a_local_run_loads_nothing_of_a_cluster() -> None:
    import subprocess

    code = "import sys; from muggle_convert.cli import main; import muggle_convert.cli.depth, muggle_convert.many.pipeline\nprint({'ray', 'pyarrow', 'fsspec'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout.strip() == "set()"


ELSEWHERE = ("../../elsewhere.jpg", "a/../../elsewhere.jpg", "..")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_name_in_a_shard_or_a_table_leads_out_of_the_folder_of_predictions(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        for member in (name if name.endswith(".jpg") else f"{name}/b.jpg", "good.jpg"):
            entry = tarfile.TarInfo(member)
            entry.size = 3
            shard.addfile(entry, io.BytesIO(b"jpg"))
    pq.write_table(pa.table({"name": [name, "good", "", "."], "picture": [b"1"] * 4}), tmp_path / "table.parquet")
    for found in (source(tmp_path / "shard.tar"), source(tmp_path / "table.parquet", key="name")):
        evil, good, *nameless = read(found)
        assert good.content is not None and good.name.endswith("good.npz")
        for wanted in (evil, *nameless):
            assert wanted.content is None and "is no name for a file in the folder" in str(wanted.problem)
            assert re.fullmatch(r"nameless-[0-9a-f]{16}", wanted.name)


@pytest.mark.parametrize("line", ["../../elsewhere.jpg", "file:///tmp/../../elsewhere.jpg", "s3://", "a\0b.jpg", "..", "zip::"])
def test_no_line_of_a_list_leads_out_of_the_folder_of_predictions(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(line)
    with pytest.raises(Refusal, match=r"which is no name for a picture; leave it out|cannot be reached|there is no picture"):
        source(tmp_path / "list.txt")


def test_a_table_that_unfolds_to_gigabytes_is_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    picture = bytes(1 << 20)
    indices = pa.array([0] * 3000, pa.int32())
    pq.write_table(
        pa.table({"picture": pa.DictionaryArray.from_arrays(indices, pa.array([picture], pa.binary()))}), tmp_path / "bomb.parquet"
    )
    found = source(tmp_path / "bomb.parquet", column="picture")
    (unit,) = found.units(lambda _: False, ())
    first = next(iter(found.read(unit)))
    assert [len(wanted.content or b"") for wanted in first] == [1 << 20] * 2


def test_a_table_that_is_damaged_within_is_a_row_with_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"picture": [bytes([number]) * 3000 for number in range(40)]}), path)
    raw = bytearray(path.read_bytes())
    raw[4:60] = b"\xff" * 56
    path.write_bytes(raw)
    last = read(source(path))[-1]
    assert last.content is None and "table.parquet cannot be read from there on" in str(last.problem)


@pytest.mark.parametrize("content", [b"", b"null", b"[" * 100_000, b'[1, {"a": 2}]', b"\xff"])
def test_a_list_of_what_is_done_that_says_nothing_is_no_list(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".done").mkdir()
    (tmp_path / ".done" / "part-1.json").write_bytes(content)
    (tmp_path / "part-1.parquet").touch()
    assert Parquet(str(tmp_path)).done() == set()


def test_braces_that_stand_for_too_many_files_are_refused() -> None:
    for given in ("{0..99999999999}.tar", "{a,b}" * 30 + ".tar"):
        with pytest.raises(Refusal, match="stands for more than 1,000,000 files"):
            source(given)
