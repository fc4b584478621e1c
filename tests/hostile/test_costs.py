"""What a small file may cost: names, views, dictionaries and descriptions that ask for far more than they take."""

from __future__ import annotations

import numpy as np
import pytest

from tests.goldens import golden
from tests.hostile.conftest import MOST_MEBIBYTES, MOST_SECONDS
from tests.hostile.forge import Entry, archive, glob, mapping, pickled, storage, tensor, text, torch_zip, zipped
from tests.hostile.lies import Described
from tests.hostile.test_multiplying import recalled, remembered
from tests.test_old_files import OLD

LONG = 300_000


@pytest.mark.parametrize(
    "name", ["module." * LONG + "a", "module.model." * (LONG // 2) + "a", "module." * LONG], ids=["one", "two", "nothing else"]
)
def test_a_name_of_prefixes_only_is_refused_in_no_time(hostile, name) -> None:
    content = torch_zip(mapping({name: tensor(storage("0", 1), [1])}), {"data/0": bytes(4)})
    hostile.refused(content)


def test_prefixes_before_every_name_are_still_taken_off(hostile) -> None:
    state = {f"module._orig_mod.module.{name}": value for name, value in hostile.state().items()}
    outcome = hostile.converted(torch_zip(mapping(state), hostile.records))
    assert outcome.out.count("took the prefix") == 3


def views(hostile, deflated: bool, count: int = 900, byteorder: bytes = b"little") -> bytes:
    """A plain model, and beside its tensors views of one record of zeros that lie across all of it."""
    elements = 15_000_000 if deflated else 1_000_000
    place = remembered(1, storage("x", elements))
    first = tensor(place, [64, 2], [1, elements - 65])
    entries = {f"pretrained.view{key}": tensor(recalled(1), [64, 2], [1, elements - 65 - key]) for key in range(count)}
    content = mapping({**hostile.state(), "pretrained.view": first, **entries})
    found = archive(pickled(content), hostile.records)
    return zipped([*found, Entry("archive/data/x", bytes(4 * elements), deflated=deflated), Entry("archive/byteorder", byteorder)])


@pytest.mark.parametrize("deflated", [True, False], ids=["deflated", "stored"])
def test_hundreds_of_views_of_one_record_are_read_in_one_go(hostile, deflated) -> None:
    hostile.source.write_bytes(views(hostile, deflated))
    outcome = hostile.convert(None, "--keep-unused", "--drop", "pretrained.view{n}", "--drop", "pretrained.view")
    assert outcome.status == 0, outcome.err
    outcome = hostile.command_line.run("verify", hostile.source, hostile.target)
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.busy < MOST_SECONDS and outcome.mebibytes < MOST_MEBIBYTES


def test_views_that_show_the_same_bytes_again_and_again_are_refused(hostile) -> None:
    entries = {f"pretrained.view{key}": tensor(storage("0", 64), [1 << 20], [0]) for key in range(900)}
    said = hostile.refused(torch_zip(mapping({**hostile.state(), **entries}), hostile.records))
    assert "show the same bytes again and again" in said


def test_a_thousand_dictionaries_under_one_long_name_do_not_repeat_it(hostile) -> None:
    name = remembered(2, text("k" * 1_000_000))
    leaf = remembered(3, mapping({"a": tensor(storage("0", 1), [1])}))
    first = mapping([(name, leaf)])
    rest = [(text(f"x{key}"), b"}(" + recalled(2) + recalled(3) + b"u") for key in range(1000)]
    hostile.refused(torch_zip(mapping([(text("first"), first), *rest]), {"data/0": bytes(4)}), "--state", "ema")


def test_a_name_as_long_as_a_pickle_may_be_is_refused_in_little_memory(hostile) -> None:
    for letter in ("a", "é", "…", "😀"):
        name = letter * (15_000_000 // len(letter.encode()))
        pickle = pickled(mapping({name: tensor(storage("0", 1), [1])}))
        entries = archive(pickle, {"data/0": bytes(4)})
        entries[0].deflated = True
        hostile.refused(zipped(entries))


@pytest.mark.parametrize("filling", ['{"a%d": []}', "%d", "[%d]", '"%d"'])
def test_large_descriptions_beside_the_weights_are_ignored_in_little_memory(hostile, filling) -> None:
    hostile.source.write_bytes(hostile.file())
    for name, size in (("config.json", 4_000_000), ("preprocessor_config.json", 1_000_000)):
        values = ",".join(filling % number for number in range(size // (len(filling) + 7)))
        (hostile.folder / name).write_text(f'{{"values": [{values}]}}')
    outcome = hostile.convert()
    assert outcome.status == 0, outcome.err


def widened(case: str, table: str, index: str, rows: int, heads: int) -> bytes:
    """A reference case whose tables are those of an enormous grid, and whose indices stay as small as they were."""
    arrays = {name: value.numpy() for name, value in golden(case).state_dict().items()}
    for name in [name for name in arrays if name.endswith(table)]:
        arrays[name] = np.zeros((rows, heads) if case == "beit" else (heads, rows), np.float32)
    assert any(name.endswith(index) for name in arrays)
    kinds = {np.dtype(np.float32): "FloatStorage", np.dtype(np.int64): "LongStorage"}
    state = {
        name: tensor(storage(str(key), value.size, glob("torch", kinds[value.dtype])), value.shape)
        for key, (name, value) in enumerate(arrays.items())
    }
    records = {f"data/{key}": np.ascontiguousarray(value).tobytes() for key, value in enumerate(arrays.values())}
    entries = archive(pickled(mapping(state)), records)
    for entry in entries:
        entry.deflated = len(entry.data) > 100_000  # so that the file is a few megabytes
    return zipped(entries)


BEIT = ("beit", "relative_position_bias_table", "relative_position_index", 599**2 + 3, 3)


def test_an_index_is_compared_by_shape_before_it_is_computed(hostile) -> None:
    case, table, index, rows, _ = BEIT
    heads = golden(case).state_dict()["pretrained.model.blocks.0." + "attn." + table].shape[1]
    hostile.source.write_bytes(widened(case, table, index, rows, heads))
    outcome = hostile.command_line.run(hostile.source, "-o", hostile.target, *golden(case).arguments)
    assert outcome.status == 1 and outcome.err.count("\n") == 1, outcome.err
    assert "its configuration gives" in outcome.err
    assert outcome.busy < MOST_SECONDS and outcome.mebibytes < MOST_MEBIBYTES


def test_the_windows_of_an_export_are_not_computed_where_they_are_enormous(hostile) -> None:
    file = Described(OLD / "dpt_swin2.safetensors")
    encoder = {**file.document["config"]["encoder"], "window": 5700, "grid": [5704 * 4, 5704 * 4]}
    dropped = {"pretrained.model.layers.0.blocks.1.attn.relative_coords_table": ["", "F32", [1, 3, 3, 2]]}
    document = {**file.document, "config": {**file.document["config"], "encoder": encoder}, "dropped": dropped}
    hostile.source.write_bytes(file.with_document(document))
    outcome = hostile.command_line.run("export", hostile.source, "--to", "original", "-o", hostile.folder / "back.pth")
    assert outcome.status == 1 and outcome.err.count("\n") == 1, outcome.err
    assert outcome.busy < MOST_SECONDS and outcome.mebibytes < MOST_MEBIBYTES
