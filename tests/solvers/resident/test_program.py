"""The resident solver as a program against devices and a clock."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.errors import OutOfCapacity
from hetengine.problems import ProblemConfig, make_shape_problem
from hetengine.solvers.resident.curvature import sample_ratio
from tests.solvers.resident.harness import PROBLEMS, build, make_data, solve

over_problems = pytest.mark.parametrize("name", PROBLEMS)


@over_problems
@pytest.mark.parametrize("threads", [1, 2])
def test_execution_and_simulation_give_the_same_bits(name: str, threads: int) -> None:
    problem = build(name, make_data(name, rows=2500), dtype=np.float32)
    real = solve(problem, threads=threads, tol=1e-5)
    virtual = solve(problem, "simulate", threads=threads, tol=1e-5)
    assert real.outcome.alpha.tobytes() == virtual.outcome.alpha.tobytes()
    assert real.outcome.w.tobytes() == virtual.outcome.w.tobytes()
    assert virtual.recorder.rows[-1].seconds > 0


def test_another_seed_gives_other_epochs_and_the_same_optimum() -> None:
    problem = build("svm", make_data("svm", rows=2500))
    first, second = (solve(problem, seed=seed).outcome for seed in (0, 1))
    assert first.alpha.tobytes() != second.alpha.tobytes()
    assert first.certificate.objective == pytest.approx(second.certificate.objective, rel=1e-7)


@over_problems
@pytest.mark.parametrize("density", [1.0, 0.01])
def test_a_dry_run_takes_virtual_time_and_no_numbers(name: str, density: float) -> None:
    problem = make_shape_problem(ProblemConfig(name), 50_000, 2_000, density, by_row=True)
    run = solve(problem, "dry", max_rounds=3)
    assert run.outcome.status == "max_rounds"
    assert run.outcome.rounds == 3
    assert run.recorder.rows[-1].seconds > 0


@over_problems
def test_the_host_must_hold_the_data(name: str) -> None:
    with pytest.raises(OutOfCapacity):
        solve(build(name, make_data(name)), capacity_bytes=1000)


@pytest.mark.parametrize("name", ["lasso", "logistic", "svm"])
def test_a_run_ends_after_its_rounds(name: str) -> None:
    outcome = solve(build(name, make_data(name, rows=3000)), tol=1e-15, max_rounds=1).outcome
    assert outcome.status == "max_rounds"
    assert outcome.rounds == 1
    assert 0 < outcome.certificate.relative_gap < np.inf


@over_problems
def test_data_that_are_not_finite_end_a_run_at_once(name: str) -> None:
    X, y = make_data(name)
    X[5, 4] = np.nan
    outcome = solve(build(name, (X, y))).outcome
    assert outcome.status in ("diverged", "stalled")
    assert outcome.certificate.gap == np.inf


def test_every_launch_says_what_it_has_to_do() -> None:
    for name in ("lasso", "logistic", "svm"):
        spans = solve(build(name, make_data(name, sparse=True))).recorder.spans
        kernels = [span for span in spans if span.label.startswith(("rows_", "gram"))]
        assert kernels
        assert all(span.work.nbytes > 0 and span.work.variant for span in kernels)


@pytest.mark.parametrize(("examples", "features"), [(100_000, 500), (50_000, 2000), (10**6, 20)])
def test_the_sample_is_the_one_that_makes_a_solve_shortest(examples: int, features: int) -> None:
    """Compared with every other ratio by the cost model that the ratio is derived from."""
    passes, unit = 24.0 * examples, float(features) ** 2
    ratios = np.linspace(1.0, 16.0, 1000)
    costs = ratios * unit + 11.5 / np.log1p(ratios) * passes
    found = sample_ratio(examples, features)
    cost = found * unit + 11.5 / np.log1p(found) * passes
    assert cost <= 1.01 * costs.min()
