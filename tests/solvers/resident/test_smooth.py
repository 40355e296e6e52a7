"""Where descent on smooth losses begins, and how many passes it makes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from hetengine.problems import ProblemConfig, make_shape_problem
from hetengine.solvers.resident import smooth
from tests.solvers.resident.harness import Run, build, make_data, solve


def read(run: Run) -> float:
    """How often the data were read by passes, in whole passes."""
    spans = [span for span in run.recorder.spans if span.label == "rows_slopes"]
    return sum(span.work.items for span in spans) / run.solver.rows.examples


@pytest.mark.parametrize("name", ["logistic", "squared_hinge"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_part_of_the_examples_gives_the_first_step(name: str, threads: int) -> None:
    data = make_data(name, rows=9_000, features=24)
    exact = solve(build(name, data)).outcome.certificate.objective
    run = solve(build(name, data, dtype=np.float32), threads=threads, tol=1e-4)
    certificate = run.outcome.certificate
    assert run.outcome.status == "converged"
    assert -1e-7 <= certificate.objective / exact - 1 <= 1e-4
    begun = read(run) - run.outcome.rounds - 1
    assert 0.0 < begun < 0.5


def test_weights_count_in_the_first_step_as_well() -> None:
    X, y = make_data("logistic", rows=9_000, features=24)
    times = np.random.default_rng(1).integers(0, 3, size=y.size)
    weighted = solve(build("logistic", (X, y), weights=times.astype(float))).outcome
    repeated = solve(build("logistic", (np.repeat(X, times, 0), np.repeat(y, times)))).outcome
    objectives = weighted.certificate.objective, repeated.certificate.objective
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-7)


def test_only_fine_tolerances_measure_the_last_point_anew() -> None:
    problem = build("ridge", make_data("ridge", rows=9_000, features=24), dtype=np.float32)
    for tol, anew in ((1e-5, 0), (1e-7, 1)):
        run = solve(problem, tol=tol)
        assert run.outcome.status == "converged"
        # One pass at the optimum of the sample, one a round.
        assert int(read(run)) == run.outcome.rounds + 1 + anew


def test_two_launches_of_one_pass_are_simulated_bit_by_bit() -> None:
    problem = build("logistic", make_data("logistic", rows=9_000), dtype=np.float32)
    real, virtual = (solve(problem, mode, threads=2, tol=1e-5) for mode in ("execute", "simulate"))
    assert real.outcome.w.tobytes() == virtual.outcome.w.tobytes()
    assert real.outcome.rounds == virtual.outcome.rounds


def test_a_dry_run_takes_the_same_course() -> None:
    problem = make_shape_problem(ProblemConfig("logistic"), 400_000, 300, 1.0, by_row=True)
    run = solve(problem, "dry", max_rounds=3)
    assert run.outcome.rounds == 3


@pytest.mark.parametrize("name", ["logistic", "squared_hinge"])
@pytest.mark.parametrize("intercept", [False, True], ids=["plain", "intercept"])
def test_a_first_step_over_features_that_come_together_is_cut_before_a_pass_is_lost(
    name: str, intercept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = make_data(name, rows=4_000, features=12, sparse=True)
    centre = np.where(np.arange(y.size) % 2, 1.0, -1.0)  # a step along the mean would show nothing
    together = scipy.sparse.hstack([X] + [X.multiply(centre[:, None] * y[:, None])] * 40).tocsr()
    problem = build(name, (together, y), intercept=intercept)
    quick = solve(problem, tol=1e-4)
    monkeypatch.setattr(smooth, "_TOO_LONG", 0.0)
    slow = solve(problem, tol=1e-4)
    for run in (quick, slow):
        assert run.outcome.status == "converged"
    assert quick.outcome.certificate.objective == pytest.approx(
        slow.outcome.certificate.objective, rel=1e-3
    )
    assert quick.outcome.rounds < slow.outcome.rounds
