"""Along a path: one machine, one solver, every point from the solution of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hetengine.clock import Clock
from hetengine.config import RunConfig
from hetengine.engine.linear import Bench, ready
from hetengine.errors import HetengineError
from hetengine.problems import CoordinateProblem, at_strength
from hetengine.record.recorder import Recorder
from hetengine.solvers.outcome import Outcome, Progress
from hetengine.solvers.resident import Resident
from hetengine.tuning.rows import PathRow

_ENDS = ("max_seconds", "diverged")


@dataclass
class Trail:
    """The points of a path that have been computed.

    Attributes
    ----------
    rows : list of PathRow
        One per point.
    coefs : list of ndarray, shape (P,)
        Coefficients of each.
    intercepts : list of float
        Constant of each.
    seconds : float
        On the run's clock.
    status : str
        Why no more points followed, where some are missing; empty otherwise.
    error : str
        What went wrong where the status is ``failed``.
    """

    rows: list[PathRow] = field(default_factory=list)
    coefs: list[np.ndarray] = field(default_factory=list)
    intercepts: list[float] = field(default_factory=list)
    seconds: float = 0.0
    status: str = ""
    error: str = ""


class Quiet:
    """Hears of the certificates within a point, and passes on messages alone.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    recorder : Recorder
        Receives the messages.
    """

    def __init__(self, clock: Clock, recorder: Recorder) -> None:
        self._clock = clock
        self._recorder = recorder
        self._origin_seconds = 0.0

    def start(self) -> None:
        """Count time from now on."""
        self._origin_seconds = self._clock.now
        self._recorder.start(self._origin_seconds)

    @property
    def seconds(self) -> float:
        """Seconds on the run's clock since `start`."""
        return self._clock.now - self._origin_seconds

    def certified(self, progress: Progress) -> None:
        """Take one certified state; the row of a point holds the last one."""

    def log(self, message: str) -> None:
        """Add a message."""
        self._recorder.log(message)


def follow(
    config: RunConfig,
    problem: CoordinateProblem,
    lams: Sequence[float] | np.ndarray,
    recorder: Recorder,
    max_seconds: float | None,
    fold: int = 0,
) -> Trail:
    """Solve a problem for falling strengths of its penalty.

    Parameters
    ----------
    config : RunConfig
        With its selection resolved.
    problem : CoordinateProblem
        At the first strength.
    lams : sequence of float
        Strengths.
    recorder : Recorder
        Receives spans, rows and messages.
    max_seconds : float or None
        For all points together, on the run's clock.
    fold : int
        Part held out, for the rows.

    Returns
    -------
    Trail
        What there is of it after an interruption (Ctrl-C) or a failure, if that is anything.
    """
    trail = Trail()
    with ready(config, problem, recorder, Quiet) as bench:
        try:
            _walk(bench, problem, lams, recorder, max_seconds, trail, fold)
        except KeyboardInterrupt:
            if not trail.rows:
                raise
            trail.status = "interrupted"
        except HetengineError as failure:
            if not trail.rows:
                raise
            trail.status, trail.error = "failed", " ".join(str(failure).split())
        trail.seconds = bench.monitor.seconds
    return trail


def _walk(
    bench: Bench,
    problem: CoordinateProblem,
    lams: Sequence[float] | np.ndarray,
    recorder: Recorder,
    max_seconds: float | None,
    trail: Trail,
    fold: int,
) -> None:
    clock, solver, rule = bench.machine.clock, bench.solver, bench.solver.stop
    start: tuple[CoordinateProblem, Outcome] | None = None
    for number, lam in enumerate(lams):
        begun = bench.monitor.seconds
        left = None if max_seconds is None else max_seconds - begun
        if left is not None and left <= 0:
            trail.status = "max_seconds"
            return
        point = problem if start is None else at_strength(problem, float(lam))
        solver.stop = replace(rule, max_seconds=left)
        if isinstance(solver, Resident):
            solver.foresee([float(each) for each in lams[number + 1 :]])
        moved = recorder.bytes_up, recorder.bytes_down
        outcome = clock.run(clock.process(solver.solve(point, start)))
        assert isinstance(outcome, Outcome)
        row = _row(point, outcome, len(trail.rows) + 1, fold)
        seconds = bench.monitor.seconds
        row = replace(
            row,
            seconds=seconds - begun,
            seconds_total=seconds,
            bytes_host_to_device=recorder.bytes_up - moved[0],
            bytes_device_to_host=recorder.bytes_down - moved[1],
        )
        coef, intercept = point.model(outcome.alpha, outcome.w)
        trail.rows.append(replace(row, n_nonzero=int(np.count_nonzero(coef))))
        trail.coefs.append(np.array(coef))
        trail.intercepts.append(float(intercept))
        recorder.row(trail.rows[-1])
        if outcome.status in _ENDS:
            trail.status = outcome.status
            return
        start = point, outcome


def _row(point: CoordinateProblem, outcome: Outcome, number: int, fold: int) -> PathRow:
    certificate = outcome.certificate
    return PathRow(
        point=number,
        lam=point.lam,
        C=1.0 / (point.rows * point.lam),
        objective=certificate.objective,
        gap=certificate.gap,
        relative_gap=certificate.relative_gap,
        n_nonzero=0,
        rounds=outcome.rounds,
        seconds=0.0,
        seconds_total=0.0,
        bytes_host_to_device=0,
        bytes_device_to_host=0,
        status=outcome.status,
        certificate=certificate.kind,
        fold=fold,
    )
