"""A Ray cluster of two machines and a server for S3, both in this one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.goldens import golden, uint8_picture

COUNT = 240
BROKEN = (3, 77, 150)
OURS = "MUGGLE_CONVERT_TESTS"  # in the environment of the cluster's processes: which process made them


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden("depth_anything_v2").save(tmp_path_factory.mktemp("checkpoint"), "depth_anything_v2_vits.pth")


@pytest.fixture(scope="session")
def contents() -> dict[str, bytes]:
    """Pictures by their paths, of four kinds, some of them broken."""
    kinds = []
    for seed in range(4):
        file = BytesIO()
        Image.fromarray(uint8_picture(20 + 2 * seed, 31, seed)).save(file, "PNG")
        kinds.append(file.getvalue())
    return {f"{number % 3}/{number:05}.png": kinds[number % 4][: 200 if number in BROKEN else None] for number in range(COUNT)}


@pytest.fixture(scope="session")
def photographs(contents: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The URL of an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    boto3.client("s3").create_bucket(Bucket="bucket")
    yield "s3://bucket"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def cluster(bucket: str) -> Iterator[str]:
    """The address of a cluster, whose machines reach the bucket."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ |= {"PYTHONPATH": str(ROOT), OURS: str(os.getpid())}  # of the workers
    machine = {"num_cpus": 2, "object_store_memory": 200 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**machine, "include_dashboard": False})
    cluster.add_node(**machine)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()
