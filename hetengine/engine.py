"""One run from a config to a result: data, problem, machine, solver, certificate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hetengine.config import RunConfig
from hetengine.data.config import GENERATORS, SHAPE
from hetengine.data.dataset import Dataset, is_dense
from hetengine.data.labels import binary_labels
from hetengine.data.load import load_dataset, shape_of
from hetengine.machine import open_machine, with_capacities
from hetengine.problems import CoordinateProblem, make_problem, make_shape_problem
from hetengine.problems.config import CLASSIFICATION
from hetengine.record.monitor import Monitor
from hetengine.record.recorder import Recorder
from hetengine.record.summary import summarise
from hetengine.result import Result
from hetengine.score import score_on
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.outcome import Outcome, StopRule
from hetengine.solvers.requirements import check_machine
from hetengine.solvers.selection import Rotating, Selection, make_selection

_DRY_ROUNDS = 20


def run(config: RunConfig, recorder: Recorder, dataset: Dataset | None = None) -> Result:
    """Train one model as configured.

    Parameters
    ----------
    config : RunConfig
        Everything the run depends on.
    recorder : Recorder
        Receives spans, rows, messages and phases.
    dataset : Dataset, optional
        Examples already in memory; by default those the config names.

    Returns
    -------
    Result
        Model, certificate and history.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    begun = time.perf_counter()
    dry = config.mode.name == "dry"
    if dataset is None and not (dry and config.data.name in (SHAPE, *GENERATORS)):
        with _phase(recorder, "load"):
            dataset = load_dataset(config.data, np.dtype(config.precision), config.seed)
    with _phase(recorder, "problem"):
        problem, labels = _shape(config, dataset) if dry else _problem(config, dataset)
    outcome, seconds = _train(config, problem, recorder)
    summary = summarise(config, problem, dataset, outcome, recorder, seconds)
    if dataset is not None and dataset.test is not None and not dry:
        coef, intercept = problem.model(outcome.alpha, outcome.w)
        name, score = score_on(coef, intercept, dataset.test, labels)
        summary["test"] = {"name": dataset.test.name, "rows": dataset.test.rows, name: score}
    summary["wall_seconds"] = time.perf_counter() - begun
    return _result(problem, outcome, recorder, summary, labels, dry)


def _train(
    config: RunConfig, problem: CoordinateProblem, recorder: Recorder
) -> tuple[Outcome, float]:
    """Open the machine, train, and close it; return the outcome and the seconds on its clock."""
    topology = config.topology.build()
    topology = with_capacities(topology, problem.columns.nbytes, config.memory_fraction)
    machine = open_machine(topology, config.mode.name, recorder.observe, recorder.sample)
    try:
        check_machine(machine, problem.columns.layout, config.solver.selection)
        monitor = Monitor(machine.clock, recorder, config.precision)
        solver = Duhl(
            problem,
            machine,
            config.solver,
            _stop_rule(config),
            _policies(config, len(machine.accelerators)),
            config.seed,
            monitor,
        )
        with _phase(recorder, "compile"):
            machine.clock.run(machine.clock.process(solver.prepare()))
        machine.start()
        monitor.start()
        # A product of two vectors on all cores waits for those that a device's thread keeps busy:
        # tens of milliseconds for what takes five microseconds on one.
        with threadpool_limits(1, "blas"):
            outcome = machine.clock.run(machine.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
        return outcome, monitor.seconds
    finally:
        machine.close()


@contextmanager
def _phase(recorder: Recorder, name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    recorder.phase(name, time.perf_counter() - begun)


Labels = tuple[float, float] | None


def _problem(config: RunConfig, dataset: Dataset | None) -> tuple[CoordinateProblem, Labels]:
    assert dataset is not None
    y, labels = dataset.y, None
    if config.problem.name in CLASSIFICATION:
        y, labels = binary_labels(y, dataset.name)
    problem = make_problem(config.problem, dataset.X, y, dataset.weights, config.precision)
    return problem, labels


def _shape(config: RunConfig, dataset: Dataset | None) -> tuple[CoordinateProblem, Labels]:
    if dataset is None:
        rows, columns, density = shape_of(config.data)
    else:
        rows, columns = dataset.rows, dataset.columns
        density = 1.0 if is_dense(dataset.X) else dataset.nnz / (rows * columns)
    return make_shape_problem(config.problem, rows, columns, density, config.precision), None


def _stop_rule(config: RunConfig) -> StopRule:
    rounds = config.max_rounds
    if config.mode.name == "dry":
        rounds = min(rounds, _DRY_ROUNDS)
    return StopRule(config.tol, rounds, config.max_seconds)


def _policies(config: RunConfig, count: int) -> list[Selection]:
    name = config.solver.selection
    workers = 1 if name == "host" else count
    seeds = np.random.SeedSequence(config.seed, spawn_key=(1,)).spawn(workers)
    policies = [make_selection(config.solver, np.random.default_rng(seed)) for seed in seeds]
    if config.mode.name != "dry" or name not in ("gap", "importance"):
        return policies
    share = config.mode.swap_fraction if name == "gap" else 1.0
    return [
        Rotating(policy, share, np.random.default_rng(seed))
        for policy, seed in zip(policies, seeds, strict=True)
    ]


def _result(
    problem: CoordinateProblem,
    outcome: Outcome,
    recorder: Recorder,
    summary: dict[str, Any],
    labels: Labels,
    dry: bool,
) -> Result:
    coef, intercept = problem.model(outcome.alpha, outcome.w)
    certificate = outcome.certificate
    return Result(
        w=np.empty(0) if dry else coef,
        intercept=intercept,
        objective=certificate.objective,
        duality_gap=certificate.gap,
        relative_gap=certificate.relative_gap,
        certificate=certificate.kind,
        status=outcome.status,
        rounds=outcome.rounds,
        seconds=summary["seconds"],
        metrics=recorder.rows,
        summary=summary,
        labels=labels,
    )
