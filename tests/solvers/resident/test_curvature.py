"""What samples say about the Hessian, and when another one is taken."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import Kind
from hetengine.solvers.resident.curvature import bends_at, run_masses, stratified
from hetengine.solvers.resident.rows import RUN
from tests.solvers.resident.harness import Run, build, solve


def guesses(run: Run) -> int:
    """How often a Hessian was guessed."""
    return sum(span.label == "factorise" for span in run.recorder.spans)


def make_rare(rows: int = 20_000, features: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Features that a few examples in a sample's blind spots have, and then much of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, features))
    for j in range(5):
        X[:, j] = 0.0
        X[rng.choice(rows, 3, replace=False), j] = 60.0
    return X, X[:, 10] + X[:, :5].sum(1) + 0.5 * rng.standard_normal(rows)


@pytest.mark.parametrize("name", ["logistic", "squared_hinge", "ridge"])
def test_rows_that_the_first_sample_has_missed_are_found(name: str) -> None:
    X, z = make_rare()
    y = z if name == "ridge" else np.sign(z)
    run = solve(build(name, (X, y), lam=1e-5, dtype=np.float32), tol=1e-5)
    assert run.outcome.status == "converged"
    assert run.outcome.rounds < 100
    assert guesses(run) > 1


def test_one_guess_is_enough_for_data_without_surprises() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 40))
    y = np.sign(X[:, 0] + rng.standard_normal(20_000))
    run = solve(build("logistic", (X, y), lam=1e-4, dtype=np.float32), tol=1e-6)
    assert run.outcome.status == "converged"
    assert guesses(run) == 1


def test_precision_at_its_end_is_no_reason_to_guess_for_ever() -> None:
    X, z = make_rare()
    run = solve(build("logistic", (X, np.sign(z)), lam=1e-5, dtype=np.float32), tol=1e-300)
    assert run.outcome.status == "stalled"
    assert run.outcome.certificate.relative_gap < 1e-6
    assert guesses(run) < 12


@pytest.mark.parametrize("kind", [Kind.LOGISTIC, Kind.SQUARED_HINGE, Kind.SQUARED])
def test_second_derivatives_are_those_of_slopes(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    scores, weight = 3.0 * rng.standard_normal(9), rng.random(9)
    target = np.sign(rng.standard_normal(9))

    def slopes(z: np.ndarray) -> np.ndarray:
        if kind is Kind.LOGISTIC:
            return -weight * target / (1.0 + np.exp(target * z))
        if kind is Kind.SQUARED_HINGE:
            return -weight * target * np.maximum(2.0 - target * z, 0.0)  # as if within reach
        return weight * (z - target)

    few = 1e-6
    expected = (slopes(scores + few) - slopes(scores - few)) / (2.0 * few)
    assert bends_at(kind, scores, target, weight) == pytest.approx(expected, abs=1e-5)


def test_runs_have_the_curvature_of_their_rows() -> None:
    rng = np.random.default_rng(2)
    X, bends = rng.standard_normal((2 * RUN + 5, 3)), rng.random(2 * RUN + 5)
    expected = bends * (X**2).sum(1)
    masses = run_masses(X, bends)
    assert masses == pytest.approx([expected[a : a + RUN].sum() for a in (0, RUN, 2 * RUN)])


@pytest.mark.parametrize(("runs", "count"), [(100, 10), (100, 11), (7, 9), (1, 1), (2, 1)])
def test_a_sample_stands_for_every_run_once(runs: int, count: int) -> None:
    masses = np.random.default_rng(3).random(runs)
    firm, other, factor = stratified(masses, count)
    assert np.unique(np.concatenate((firm, other))).size == min(runs, count)
    if other.size:
        assert firm.size + factor * other.size == pytest.approx(runs)
        assert masses[firm].min() >= masses[other].max()
