"""One run from a config to a result: data, problem, machine, solver, certificate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.data.labels import binary_labels
from hetengine.data.load import load_dataset, shape_of
from hetengine.machine import Machine, open_machine, with_capacities
from hetengine.problems import CoordinateProblem, make_problem, make_shape_problem
from hetengine.problems.config import CLASSIFICATION
from hetengine.record.metrics import MetricsRow
from hetengine.record.recorder import Recorder
from hetengine.record.write import versions
from hetengine.result import Result
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.outcome import Outcome, Progress, StopRule
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
    if not dry and dataset is None:
        with _phase(recorder, "load"):
            dataset = load_dataset(config.data, np.dtype(config.precision), config.seed)
    with _phase(recorder, "problem"):
        problem, labels = _problem(config, dataset)
    topology = config.topology.build()
    topology = with_capacities(topology, problem.columns.nbytes, config.memory_fraction)
    machine = open_machine(topology, config.mode.name, recorder.observe)
    try:
        monitor = _Monitor(machine, recorder)
        solver = Duhl(
            problem,
            machine,
            config.solver,
            _stop_rule(config),
            _policies(config, max(1, len(machine.accelerators))),
            config.seed,
            monitor,
        )
        with _phase(recorder, "compile"):
            machine.clock.run(machine.clock.process(solver.prepare()))
        monitor.start()
        outcome = machine.clock.run(machine.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
        seconds = monitor.seconds
    finally:
        machine.close()
    summary = _summary(config, problem, dataset, outcome, recorder, seconds)
    summary["wall_seconds"] = time.perf_counter() - begun
    return _result(problem, outcome, recorder, summary, labels, dry)


@contextmanager
def _phase(recorder: Recorder, name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    recorder.phase(name, time.perf_counter() - begun)


def _problem(
    config: RunConfig, dataset: Dataset | None
) -> tuple[CoordinateProblem, tuple[float, float] | None]:
    if dataset is None:
        rows, columns, density = shape_of(config.data)
        return make_shape_problem(config.problem, rows, columns, density, config.precision), None
    y, labels = dataset.y, None
    if config.problem.name in CLASSIFICATION:
        y, labels = binary_labels(y, dataset.name)
    problem = make_problem(config.problem, dataset.X, y, dataset.weights, config.precision)
    return problem, labels


def _stop_rule(config: RunConfig) -> StopRule:
    rounds = config.max_rounds
    if config.mode.name == "dry":
        rounds = min(rounds, _DRY_ROUNDS)
    return StopRule(config.tol, rounds, config.max_seconds)


def _policies(config: RunConfig, count: int) -> list[Selection]:
    seeds = np.random.SeedSequence(config.seed, spawn_key=(1,)).spawn(count)
    name = config.solver.selection
    if name == "host":
        return [make_selection(config.solver, np.random.default_rng(seeds[0]))]
    policies = [make_selection(config.solver, np.random.default_rng(seed)) for seed in seeds]
    if config.mode.name != "dry" or name not in ("gap", "importance"):
        return policies
    share = config.mode.swap_fraction if name == "gap" else 1.0
    return [
        Rotating(policy, share, np.random.default_rng(seed))
        for policy, seed in zip(policies, seeds, strict=True)
    ]


class _Monitor:
    """Turns what the solver reports into rows, with both clocks and the bytes moved so far."""

    def __init__(self, machine: Machine, recorder: Recorder) -> None:
        self._clock = machine.clock
        self._recorder = recorder
        self._origin_seconds = 0.0
        self._begun = time.perf_counter()

    def start(self) -> None:
        """Count time from now on; what was prepared before is a phase, not part of the run."""
        self._origin_seconds = self._clock.now
        self._recorder.start(self._origin_seconds)
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds on the run's clock since `start`."""
        return self._clock.now - self._origin_seconds

    def certified(self, progress: Progress) -> None:
        """Add a row."""
        certificate, recorder = progress.certificate, self._recorder
        recorder.row(
            MetricsRow(
                round=progress.rounds,
                seconds=self.seconds,
                wall_seconds=time.perf_counter() - self._begun,
                objective=certificate.objective,
                gap=certificate.gap,
                relative_gap=certificate.relative_gap,
                resident_columns=progress.resident_columns,
                swapped_columns=progress.swapped_columns,
                bytes_host_to_device=recorder.bytes_up,
                bytes_device_to_host=recorder.bytes_down,
                refreshed_fraction=progress.refreshed_fraction,
                certificate=certificate.kind,
            )
        )

    def log(self, message: str) -> None:
        """Add a message."""
        self._recorder.log(message)


def _summary(
    config: RunConfig,
    problem: CoordinateProblem,
    dataset: Dataset | None,
    outcome: Outcome,
    recorder: Recorder,
    seconds: float,
) -> dict[str, Any]:
    certificate = outcome.certificate
    coef, _ = problem.model(outcome.alpha, outcome.w)
    columns = problem.columns
    return {
        "mode": config.mode.name,
        "solver": config.solver.name,
        "selection": config.solver.selection,
        "problem": problem.name,
        "side": problem.side,
        "lam": problem.lam,
        "data": {
            "name": dataset.name if dataset else config.data.name,
            "rows": problem.rows,
            "columns": problem.features,
            "nnz": dataset.nnz if dataset else columns.nnz,
            "nbytes": columns.nbytes,
        },
        "topology": config.topology.name,
        "seed": config.seed,
        "tol": config.tol,
        "status": outcome.status,
        "seconds": seconds,
        "rounds": outcome.rounds,
        "objective": certificate.objective,
        "duality_gap": certificate.gap,
        "relative_gap": certificate.relative_gap,
        "certificate": certificate.kind,
        "nnz_coef": int(np.count_nonzero(coef)),
        "nnz_alpha": int(np.count_nonzero(outcome.alpha)),
        "bytes_host_to_device": recorder.bytes_up,
        "bytes_device_to_host": recorder.bytes_down,
        "phases": recorder.phases(),
        "messages": list(recorder.messages),
        "versions": versions(),
    }


def _result(
    problem: CoordinateProblem,
    outcome: Outcome,
    recorder: Recorder,
    summary: dict[str, Any],
    labels: tuple[float, float] | None,
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
