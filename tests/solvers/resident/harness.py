"""Train one problem by row, straight through the resident solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from hetengine.config import DeviceConfig, TopologyConfig
from hetengine.machine import open_machine
from hetengine.problems import CoordinateProblem, ProblemConfig, make_problem
from hetengine.record.monitor import Monitor
from hetengine.record.recorder import Recorder
from hetengine.solvers.outcome import Outcome, StopRule
from hetengine.solvers.resident import Resident

CLASSIFIERS = ("svm", "squared_hinge", "logistic")
PROBLEMS = ("lasso", "elastic_net", "ridge", *CLASSIFIERS)


def make_data(
    name: str, rows: int = 700, features: int = 24, sparse: bool = False, seed: int = 5
) -> tuple[Any, np.ndarray]:
    """Correlated examples that float32 can represent, with an empty column and an empty row."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, features)) + rng.normal(size=(rows, 1)) + 0.3
    X *= rng.random(X.shape) < (0.3 if sparse else 1.0)
    X[:, 2] = 0.0
    X[3] = 0.0
    X = X.astype(np.float32).astype(np.float64)
    truth = rng.normal(size=features) * (rng.random(features) < 0.5)
    y = X @ truth + 0.5 * rng.normal(size=rows) + 0.4
    if name in CLASSIFIERS:
        y = np.where(y > np.median(y), 1.0, -1.0)
    return (scipy.sparse.csr_array(X) if sparse else X), y


def build(
    name: str,
    data: tuple[Any, np.ndarray],
    lam: float = 0.02,
    dtype: type = np.float64,
    weights: np.ndarray | None = None,
    **options: Any,
) -> CoordinateProblem:
    return make_problem(ProblemConfig(name, lam=lam, **options), *data, weights, dtype, by_row=True)


@dataclass
class Run:
    """What a training run leaves behind."""

    outcome: Outcome
    recorder: Recorder
    solver: Resident


def solve(
    problem: CoordinateProblem,
    mode: str = "execute",
    threads: int = 1,
    tol: float = 1e-8,
    max_rounds: int = 500,
    seed: int = 0,
    capacity_bytes: int | None = None,
) -> Run:
    """Train one problem on a machine that is a host and nothing else."""
    host = DeviceConfig("host", threads=threads, capacity_bytes=capacity_bytes)
    recorder = Recorder()
    machine = open_machine(TopologyConfig("alone", {"host": host}).build(), mode, recorder.observe)
    try:
        monitor = Monitor(machine.clock, recorder, problem.columns.dtype.name)
        stop = StopRule(tol, max_rounds, None)
        solver = Resident(problem, machine, stop, seed, monitor)
        machine.clock.run(machine.clock.process(solver.prepare()))
        monitor.start()
        outcome = machine.clock.run(machine.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
    finally:
        machine.close()
    return Run(outcome, recorder, solver)
