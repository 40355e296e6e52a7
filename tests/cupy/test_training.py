"""Whole training runs on the pretended machine: every problem, every solver, every policy."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from hetengine.record.recorder import Recorder
from hetengine.registry import backend
from hetengine_cupy import CupyBackend
from tests.cupy.fake_machine import Machine
from tests.cupy.training import PROBLEMS, TOLERANCE, train


@pytest.fixture(autouse=True)
def _cupy_is_registered(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine finds the backend, whatever was installed with the checkout."""

    def find(name: str) -> Any:
        return CupyBackend() if name == "cupy" else backend(name)

    monkeypatch.setattr("hetengine.machine.backend", find)


@cache
def reference(name: str, sparse: bool) -> float:
    return train(name, sparse, "numpy").objective


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_reaches_the_optimum(machine: Machine, name: str, sparse: bool) -> None:
    recorder = Recorder()
    result = train(name, sparse, recorder=recorder)
    assert result.status == "converged"
    assert result.relative_gap <= TOLERANCE
    assert result.objective == pytest.approx(reference(name, sparse), rel=2 * TOLERANCE)
    # The solver pins whatever it sends or receives, so no copy was staged.
    assert machine.staged == 0
    layout = "sparse" if sparse else "dense"
    assert {f"{layout}_unpack", f"{layout}_epoch"} <= set(machine.launched)
    queues = {span.queue for span in recorder.spans if span.device == "card"}
    assert queues == {"compute", "up", "down"}


@pytest.mark.parametrize("block_solver", ["async", "tile", "auto"])
def test_both_block_solvers_reach_the_optimum(machine: Machine, block_solver: str) -> None:
    options = {"block_solver": block_solver, "tile": 4}
    result = train("svm", False, memory_fraction=None, options=options)
    assert result.objective == pytest.approx(reference("svm", False), rel=2 * TOLERANCE)
    kinds = {"tile": "tile_steps", "async": "dense_epoch"}
    for solver, kernel in kinds.items():
        if block_solver in (solver, "auto"):
            assert kernel in machine.launched
        else:
            assert kernel not in machine.launched


@pytest.mark.parametrize("selection", ["sequential", "random", "importance"])
def test_every_policy_reaches_the_optimum(machine: Machine, selection: str) -> None:
    result = train("ridge", True, selection=selection)
    assert result.objective == pytest.approx(reference("ridge", True), rel=2 * TOLERANCE)
    assert "sparse_epoch" in machine.launched
