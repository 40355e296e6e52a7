"""Kernels are found by name, and nobody waits for the compiled code of others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hetengine_numpy.table import KernelTable


def nothing() -> None:
    """Stand for a kernel."""


def test_a_group_is_imported_once_and_only_when_asked() -> None:
    asked: list[str] = []

    def group(name: str, *kernels: str):
        def make():
            asked.append(name)
            return dict.fromkeys(kernels, nothing)

        return make

    table = KernelTable({("a_", "b_"): group("ab", "a_x", "b_y"), ("",): group("rest", "gram")})
    assert not asked
    assert "b_y" in table
    assert table["a_x"] is nothing
    assert asked == ["ab"]
    with pytest.raises(KeyError):
        table["a_missing"]
    assert sorted(table) == ["a_x", "b_y", "gram"]
    assert len(table) == 3
    assert asked == ["ab", "rest"]


LAZY = """
import sys
from hetengine_numpy import NumpyBackend
table = NumpyBackend().implementations()
assert "numba" not in sys.modules
table["dense_gaps"]
assert "numba" in sys.modules
nets = [name for name in sys.modules if name.startswith("hetengine_numpy.nets")]
assert not nets, nets
assert "net_average" in table and "rows_slopes" in table and "dense_nothing" not in table
"""


def test_a_linear_model_does_not_wait_for_the_kernels_of_nets() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
