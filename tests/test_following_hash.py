"""The SHA-256 of a file that others are still writing."""

from __future__ import annotations

import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from muggle_convert.files.atomic import Target
from muggle_convert.files.following_hash import FollowingHash

CONTENT = random.Random(1).randbytes(100_000)


@pytest.mark.parametrize("seed", range(5))
def test_parts_in_any_order_give_the_hash_of_the_whole(seed: int) -> None:
    generator = random.Random(seed)
    borders = [0, *sorted(generator.sample(range(1, len(CONTENT)), 50)), len(CONTENT)]
    parts = list(pairwise(borders))
    generator.shuffle(parts)
    there = bytearray(len(CONTENT))
    following = FollowingHash(lambda begin, count: bytes(there[begin : begin + count]), len(CONTENT))
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(following.sha256)
        for begin, end in parts:
            there[begin:end] = CONTENT[begin:end]
            following.wrote(begin, end)
        assert digest.result(timeout=10) == hashlib.sha256(CONTENT).hexdigest()


def test_nothing_is_read_before_it_is_written() -> None:
    read: list[int] = []
    following = FollowingHash(lambda begin, count: read.append(begin) or bytes(count), 30)
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(following.sha256)
        following.wrote(20, 30)
        following.wrote(10, 20)
        time.sleep(0.05)
        assert not read and not digest.done()
        following.wrote(0, 10)
        assert digest.result(timeout=10) == hashlib.sha256(bytes(30)).hexdigest()


def test_waiting_for_the_hash_of_a_failed_file_ends(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyError), Target(tmp_path / "a", 10, force=False, sync=False) as target:
            digest = pool.submit(target.hash.sha256)
            target.write(0, b"12345")
            raise KeyError
        digest.result(timeout=10)
    assert not list(tmp_path.iterdir())
