"""Small problems and a way to train them straight through the solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.errors import OutOfCapacity
from hetengine.machine import Machine, open_machine
from hetengine.problems import CoordinateProblem, ProblemConfig, make_problem
from hetengine.record.monitor import Monitor
from hetengine.record.recorder import Recorder
from hetengine.solvers.arena import plan_arena
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.outcome import Outcome, StopRule
from hetengine.solvers.selection import make_selection

REGRESSION = ("lasso", "elastic_net", "ridge")
ROWS, FEATURES = 60, 24


def make_data(name: str, sparse: bool, rows: int = ROWS, features: int = FEATURES) -> tuple:
    """Examples that float32 can represent, with an empty column, and labels for the problem."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(rows, features))
    X *= rng.random(X.shape) < (0.3 if sparse else 1.0)
    if features > 3:
        X[:, 2] = 0.0
    X = X.astype(np.float32).astype(np.float64)
    truth = rng.normal(size=features) * (rng.random(features) < 0.5)
    y = X @ truth + 0.5 * rng.normal(size=rows) + 0.4
    if name not in REGRESSION:
        y = np.where(y > np.median(y), 1.0, -1.0)
    return (scipy.sparse.csr_array(X) if sparse else X), y


def build(
    name: str,
    sparse: bool = False,
    lam: float = 0.05,
    dtype: type = np.float64,
    weights: np.ndarray | None = None,
    **options: Any,
) -> CoordinateProblem:
    X, y = make_data(name, sparse)
    return make_problem(ProblemConfig(name, lam=lam, **options), X, y, weights, dtype)


def topology(
    accelerators: int = 1, capacity_bytes: int | None = None, threads: int = 1
) -> TopologyConfig:
    """A host and accelerators; the simulated ones are slow enough for time to matter."""
    rates: dict[str, Any] = {
        "threads": threads,
        "bandwidth_bytes_per_second": 1e8,
        "flops_per_second": 1e8,
        "launch_seconds": 1e-5,
    }
    names = [f"card{k}" for k in range(accelerators)]
    devices = {"host": DeviceConfig("host", **rates)}
    devices |= {name: DeviceConfig(capacity_bytes=capacity_bytes, **rates) for name in names}
    links = {f"{name}_bus": LinkConfig(["host", name], 1e7, 1e7) for name in names}
    return TopologyConfig("small", devices, links)


def capacity_for(problem: CoordinateProblem, share: float) -> int:
    """Least capacity, in steps of 64 bytes, with which a share of the elements can be resident."""
    capacity = 64
    while True:
        try:
            arena = plan_arena("card", problem.columns, capacity, problem.pinned)
        except OutOfCapacity:
            arena = None
        if arena is not None and arena.elements >= share * problem.columns.nnz:
            return capacity
        capacity += 64


@dataclass
class Run:
    """What a training run leaves behind."""

    outcome: Outcome
    recorder: Recorder
    machine: Machine
    solver: Duhl

    def rows(self) -> list[tuple]:
        """All metrics that do not depend on time."""
        return [
            tuple(value for key, value in dataclasses.asdict(row).items() if "seconds" not in key)
            for row in self.recorder.rows
        ]


def solve(
    problem: CoordinateProblem,
    mode: str = "execute",
    machine: TopologyConfig | None = None,
    tol: float = 1e-8,
    max_rounds: int = 2000,
    max_seconds: float | None = None,
    seed: int = 0,
    watch: Callable[[Duhl], None] | None = None,
    **settings: Any,
) -> Run:
    """Train one problem on one machine."""
    config = DuhlConfig(**settings)
    recorder = Recorder()
    opened = open_machine((machine or topology()).build(), mode, recorder.observe)
    count = 1 if config.selection == "host" else len(opened.accelerators)
    policies = [make_selection(config, np.random.default_rng([seed, k])) for k in range(count)]
    rule = StopRule(tol, max_rounds, max_seconds)
    try:
        monitor = Monitor(opened.clock, recorder, problem.columns.dtype.name)
        solver = Duhl(problem, opened, config, rule, policies, seed, monitor)
        if watch is not None:
            watch(solver)
        opened.clock.run(opened.clock.process(solver.prepare()))
        monitor.start()
        outcome = opened.clock.run(opened.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
    finally:
        opened.close()
    return Run(outcome, recorder, opened, solver)
