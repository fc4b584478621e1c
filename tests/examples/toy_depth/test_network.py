"""The network that is shipped is the one that the recipe trains."""

from __future__ import annotations

from examples.toy_depth.network import CONFIG, fresh_network
from examples.toy_depth.save import never_read, original_tensors
from muggle_convert import inspect
from tests.conftest import ROOT

SHIPPED = ROOT / "fixtures" / "toy_dpt_hybrid_160.pt"


def test_its_configuration_is_read_from_the_file_as_it_is_trained() -> None:
    assert inspect(SHIPPED).match.config == CONFIG


def test_a_run_is_written_under_all_names_that_the_original_code_looks_for() -> None:
    written = {**original_tensors(fresh_network(0)), **never_read()}
    assert {name: tuple(tensor.shape) for name, tensor in written.items()} == {
        name: entry.shape for name, entry in inspect(SHIPPED).match.checkpoint.tensors.items()
    }
