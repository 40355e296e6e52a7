"""Every problem, dense and sparse, trained for real on each accelerator backend of this machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hetengine.config import TopologyConfig
from hetengine.problems import ProblemConfig, make_problem
from hetengine.span import Span
from tests.engine.reference import LAM, PROBLEMS, Model, best, objective, train
from tests.solvers.harness import capacity_for, make_data, topology

BACKENDS = ("numpy", "opencl")
_SCRATCH_BYTES = 256


def machine(backend: str, capacity_bytes: int | None, count: int = 1, **options: Any):
    """A NumPy host and accelerators of one backend."""
    config: TopologyConfig = topology(count, capacity_bytes)
    for name, device in config.devices.items():
        if name != "host":
            device.backend, device.options = backend, options
    return config


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_reference_optimum_is_reached_in_float32(name: str, sparse: bool, backend: str) -> None:
    X, y = make_data(name, sparse)
    problem = make_problem(ProblemConfig(name, lam=LAM), X, y, None, "float32")
    half = capacity_for(problem, 0.5) + _SCRATCH_BYTES
    result, _ = train(name, X, y, precision="float32", tol=1e-5, machine=machine(backend, half))
    assert result.status == "converged"
    assert result.relative_gap <= 1e-5
    reached = objective(name, LAM, X, y, Model(result.w))
    assert reached == pytest.approx(best(name, sparse), rel=1.2e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"block_solver": "tile", "tile": 4},
        {"block_solver": "async", "concurrency": 4, "work_group": 4},
    ],
    ids=["tile", "async"],
)
@pytest.mark.parametrize("name", PROBLEMS)
def test_both_block_solvers_reach_it(name: str, options: dict[str, Any]) -> None:
    X, y = make_data(name, False)
    result, _ = train(
        name, X, y, precision="float32", tol=1e-5, machine=machine("opencl", None, **options)
    )
    assert result.status == "converged"
    reached = objective(name, LAM, X, y, Model(result.w))
    assert reached == pytest.approx(best(name, False), rel=1.2e-5)


def test_two_accelerators_share_the_coordinates() -> None:
    X, y = make_data("svm", True)
    result, _ = train(
        "svm", X, y, precision="float32", tol=1e-5, machine=machine("opencl", None, 2)
    )
    assert result.status == "converged"
    assert objective("svm", LAM, X, y, Model(result.w)) == pytest.approx(
        best("svm", True), rel=2e-5
    )


def overlap_seconds(first: list[Span], second: list[Span]) -> float:
    """Time during which a span of each list was running."""
    pairs = ((a, b) for a in first for b in second)
    shared = (
        min(a.end_seconds, b.end_seconds) - max(a.start_seconds, b.start_seconds) for a, b in pairs
    )
    return sum(max(0.0, seconds) for seconds in shared)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_host_refreshes_gaps_while_the_accelerator_solves(backend: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 8000)).astype(np.float32)  # epochs of milliseconds
    y = np.sign(X[:, :40] @ rng.normal(size=40) + 3 * rng.normal(size=3000))
    quarter = machine(backend, X.nbytes // 4)
    result, recorder = train(
        "squared_hinge", X, y, lam=1.0, precision="float32", tol=1e-3, machine=quarter
    )
    assert result.status == "converged"
    solves = [span for span in recorder.spans if span.category == "solve"]
    scans = [span for span in recorder.spans if span.category in ("refresh", "certify")]
    assert {span.device for span in solves} == {"card0"}
    assert {span.device for span in scans} == {"host"}
    # A program that took turns would show none; how much there is depends on the machine.
    assert overlap_seconds(solves, scans) > 0.0
