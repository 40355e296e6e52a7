"""A run of a linear model: data, problem, machine, solver, certificate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from hetengine.clock import Clock
from hetengine.config import RunConfig
from hetengine.data.config import GENERATORS, SHAPE
from hetengine.data.dataset import Dataset, is_dense
from hetengine.data.labels import binary_labels
from hetengine.data.load import load_dataset, shape_of
from hetengine.data.validate import check_matrix
from hetengine.engine.interruption import interruption
from hetengine.engine.phases import phase
from hetengine.engine.placement import trains_by_row
from hetengine.families import linear_parts
from hetengine.machine import Machine, open_machine, with_capacities
from hetengine.problems import CoordinateProblem, make_problem, make_shape_problem
from hetengine.problems.config import CLASSIFICATION
from hetengine.problems.matrix import Columns, RowMatrix, StoredColumns
from hetengine.record.devices import describe, tell_idle_events
from hetengine.record.monitor import Monitor
from hetengine.record.recorder import Recorder
from hetengine.record.summary import summarise
from hetengine.result import Result
from hetengine.score import score_on
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.outcome import Monitor as Receiver
from hetengine.solvers.outcome import Outcome, StopRule
from hetengine.solvers.requirements import check_machine
from hetengine.solvers.resident import Resident
from hetengine.solvers.selection import Rotating, Selection, make_selection
from hetengine.solvers.stored.requirements import check_tiers
from hetengine.solvers.stored.solver import OutOfCore
from hetengine.solvers.stored.streaming import Streaming

_DRY_ROUNDS = 20
_MOST_ROUNDS = 10_000


def run(
    config: RunConfig,
    recorder: Recorder,
    dataset: Dataset | None = None,
    interruptible: bool = False,
) -> Result:
    """Train one linear model as configured.

    Parameters
    ----------
    config : RunConfig
        Everything the run depends on.
    recorder : Recorder
        Receives spans, rows, messages and phases.
    dataset : Dataset, optional
        Examples already in memory; by default those the config names.
    interruptible : bool
        Whether a Ctrl-C between two certificates ends the run with the next one, and the status
        ``interrupted``; otherwise it is passed on, for callers whose own work it ends.

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
    source = linear_parts(config).data
    if dataset is None and not (dry and source.name in (SHAPE, *GENERATORS)):
        with phase(recorder, "load"):
            dataset = load_dataset(source, np.dtype(config.precision), config.seed)
    with phase(recorder, "problem"):
        rows = by_row(config, stored=dataset is not None and hasattr(dataset.X, "stored_columns"))
        config = resolved(config, rows, recorder)
        make = _shape if dry else build_problem
        problem, labels = make(config, dataset, rows)
        tell_offsets(config, problem, recorder)
    outcome, seconds = _train(config, problem, recorder, interruptible)
    if rows and dataset is not None and _doubtful(outcome):
        check_matrix(dataset.X, dataset.name)
    summary = summarise(config, problem, dataset, outcome, recorder, seconds)
    if dataset is not None and dataset.test is not None and not dry:
        coef, intercept = problem.model(outcome.alpha, outcome.w)
        name, score = score_on(coef, intercept, dataset.test, labels)
        summary["test"] = {"name": dataset.test.name, "rows": dataset.test.rows, name: score}
    summary["wall_seconds"] = time.perf_counter() - begun
    return _result(problem, outcome, recorder, summary, labels, dry)


def _doubtful(outcome: Outcome) -> bool:
    """Whether data that have not been checked may be why a run came to nothing."""
    return outcome.status in ("stalled", "diverged") or bool(np.isinf(outcome.certificate.gap))


def _train(
    config: RunConfig, problem: CoordinateProblem, recorder: Recorder, interruptible: bool
) -> tuple[Outcome, float]:
    """Open the machine, train, and close it; return the outcome and the seconds on its clock."""

    def watch(clock: Clock, recorder: Recorder) -> Monitor:
        return Monitor(clock, recorder, config.precision)

    with ready(config, problem, recorder, watch) as bench:
        clock, solver = bench.machine.clock, bench.solver
        with interruption(recorder, interruptible) as asked:
            solver.stop = replace(solver.stop, interrupted=asked)
            outcome = clock.run(clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
        return outcome, bench.monitor.seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """A machine with a solver that is ready to train on it.

    Attributes
    ----------
    machine : Machine
        Open.
    solver : Resident or Duhl
        Its kernels are built.
    monitor : Timer
        Counts time, and hears of certificates.
    """

    machine: Machine
    solver: Resident | Duhl
    monitor: Timer


class Timer(Receiver, Protocol):
    """Hears what a solver has to say, and counts time."""

    @property
    def seconds(self) -> float:
        """Seconds on the run's clock since `start`."""
        ...

    def start(self) -> None:
        """Count time from now on."""
        ...


@contextmanager
def ready(
    config: RunConfig,
    problem: CoordinateProblem,
    recorder: Recorder,
    watch: Callable[[Clock, Recorder], Timer],
) -> Iterator[Bench]:
    """Open the machine, build the solver, start the clock; close the machine at the end.

    Parameters
    ----------
    config : RunConfig
        With its selection resolved.
    problem : CoordinateProblem
        What is solved first.
    recorder : Recorder
        Receives spans, rows and messages.
    watch : callable
        Makes what hears of certificates.
    """
    topology = config.topology.build()
    topology = with_capacities(topology, problem.columns.nbytes, config.memory_fraction)
    machine = open_machine(topology, config.mode.name, recorder.observe, recorder.sample)
    try:
        tell_idle_events(machine, recorder)
        monitor = watch(machine.clock, recorder)
        solver = _solver(config, problem, machine, monitor)
        with phase(recorder, "compile"):
            machine.clock.run(machine.clock.process(solver.prepare()))
        machine.start()
        monitor.start()
        # A product of two vectors on all cores waits for those that a device's thread keeps busy:
        # tens of milliseconds for what takes five microseconds on one.
        with _pools(len(sys.modules)).limit(limits=1, user_api="blas"):
            yield Bench(machine, solver, monitor)
        recorder.devices = describe(machine)
    finally:
        machine.close()


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """Return the thread pools of all libraries, looked for again where modules have been added.

    Looking takes longer than a small model takes to fit.
    """
    return ThreadpoolController()


def _solver(
    config: RunConfig, problem: CoordinateProblem, machine: Machine, monitor: Receiver
) -> Resident | Duhl:
    settings, stop = linear_parts(config).solver, _stop_rule(config)
    if isinstance(problem.columns, RowMatrix):
        return Resident(problem, machine, stop, config.seed, monitor)
    check_machine(machine, problem.columns.layout, settings.selection)
    stored = isinstance(problem.columns, StoredColumns)
    if stored:
        check_tiers(machine, problem.columns.layout, settings.selection)
    policies = _policies(config, len(machine.accelerators), problem.columns)
    return (OutOfCore if stored else Duhl)(
        problem, machine, settings, stop, policies, config.seed, monitor
    )


def by_row(config: RunConfig, stored: bool = False) -> bool:
    """Return whether a run passes over rows on the host; see `trains_by_row`.

    Parameters
    ----------
    config : RunConfig
        Of a linear model.
    stored : bool
        Whether the data lie in a column store.
    """
    selection, topology = linear_parts(config).solver.selection, config.topology.build()
    return trains_by_row(selection, topology, config.memory_fraction, stored)


def resolved(config: RunConfig, by_row: bool, recorder: Recorder) -> RunConfig:
    """Return the config with ``selection=auto`` decided, and say what it became.

    Parameters
    ----------
    config : RunConfig
        Of a linear model.
    by_row : bool
        Whether the run passes over rows on the host.
    recorder : Recorder
        Hears of the choice.
    """
    settings = linear_parts(config).solver
    if settings.selection != "auto":
        return config
    chosen = "host" if by_row else "gap"
    recorder.log(f"solver.selection=auto is {chosen} here")
    return replace(config, solver=replace(settings, selection=chosen))


def tell_offsets(config: RunConfig, problem: CoordinateProblem, recorder: Recorder) -> None:
    """Say what has been done about features whose values are far above their spread.

    Parameters
    ----------
    config : RunConfig
        Of a linear model.
    problem : CoordinateProblem
        What came of it.
    recorder : Recorder
        Hears of it.
    """
    if problem.offsets is not None:
        moved = int(np.count_nonzero(problem.offsets))
        recorder.log(
            f"{moved} features far from 0 are moved near it; the intercept makes up for it"
        )
    elif problem.columns.dtype != config.precision:
        recorder.log(
            f"features far from 0: precision is {problem.columns.dtype} here, not "
            f"{config.precision}, for products with them to be exact enough"
        )


Labels = tuple[float, float] | None


def build_problem(
    config: RunConfig, dataset: Dataset | None, by_row: bool
) -> tuple[CoordinateProblem, Labels]:
    """Return the problem that a config names over some examples.

    Parameters
    ----------
    config : RunConfig
        Of a linear model.
    dataset : Dataset
        Examples.
    by_row : bool
        Whether the data stay as they lie by row.

    Returns
    -------
    CoordinateProblem
    tuple of float, or None
        For classifiers, the labels of the negative and the positive class.
    """
    assert dataset is not None
    wanted = linear_parts(config).problem
    y, labels = dataset.y, None
    if wanted.name in CLASSIFICATION:
        y, labels = binary_labels(y, dataset.name)
    problem = make_problem(wanted, dataset.X, y, dataset.weights, config.precision, by_row)
    return problem, labels


def _shape(
    config: RunConfig, dataset: Dataset | None, by_row: bool
) -> tuple[CoordinateProblem, Labels]:
    parts = linear_parts(config)
    if dataset is None:
        rows, columns, density = shape_of(parts.data)
    else:
        rows, columns = dataset.rows, dataset.columns
        density = 1.0 if is_dense(dataset.X) else dataset.nnz / (rows * columns)
    problem = make_shape_problem(parts.problem, rows, columns, density, config.precision, by_row)
    return problem, None


def _stop_rule(config: RunConfig) -> StopRule:
    rounds = config.max_rounds or _MOST_ROUNDS
    if config.mode.name == "dry":
        rounds = min(rounds, _DRY_ROUNDS)
    return StopRule(config.tol, rounds, config.max_seconds)


def _policies(config: RunConfig, count: int, columns: Columns) -> list[Selection]:
    settings = linear_parts(config).solver
    name = settings.selection
    workers = 1 if name == "host" else count
    if name == "sequential" and isinstance(columns, StoredColumns):
        return [Streaming(columns.lens) for _ in range(workers)]
    seeds = np.random.SeedSequence(config.seed, spawn_key=(1,)).spawn(workers)
    policies = [make_selection(settings, np.random.default_rng(seed)) for seed in seeds]
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
