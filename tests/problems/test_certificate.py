from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetengine.errors import HetengineError
from hetengine.problems import certify, term_conjugate, term_gap, term_value
from tests.problems.reference_cd import (
    CASES,
    build,
    iterates,
    random_alpha,
    snapshot,
    solve,
)

VARIANTS = [(False, False, False), (True, False, True), (False, True, True), (True, True, False)]


def variants(side: str, name: str) -> list[tuple[bool, bool, bool]]:
    fixed = name == "ridge" and side == "dual"
    return [v for v in VARIANTS if not (fixed and v[2])]


ALL = [(name, side, *v) for name, side in CASES for v in variants(side, name)]
parametrize_all = pytest.mark.parametrize(("name", "side", "sparse", "weighted", "intercept"), ALL)


@parametrize_all
def test_sum_of_gaps_is_primal_minus_dual(name, side, sparse, weighted, intercept) -> None:
    problem = build(name, side, sparse=sparse, weighted=weighted, intercept=intercept)
    for seed in range(5):
        alpha = random_alpha(problem, seed)
        alpha[problem.pinned] = 0.0
        w = problem.shared_vector(alpha)
        u = problem.columns.dot(w)
        bound = problem.bound(problem.objective(alpha, w))
        gaps = term_gap(problem.kind, alpha, u, problem.p, problem.q, bound)
        conjugates = term_conjugate(problem.kind, u, problem.p, problem.q, bound)
        direct = problem.objective(alpha, w) + problem.smooth_conjugate(w) + conjugates.sum()
        assert (gaps >= 0).all()
        assert gaps.sum() == pytest.approx(direct, rel=1e-10, abs=1e-12)


@parametrize_all
def test_gap_covers_suboptimality_and_vanishes(name, side, sparse, weighted, intercept) -> None:
    problem = build(name, side, sparse=sparse, weighted=weighted, intercept=intercept)
    best = solve(problem)
    optimum = snapshot(problem, best)[2]
    assert optimum.gap <= 1e-10 * abs(optimum.objective)
    for alpha in iterates(problem, 12):
        certificate = snapshot(problem, alpha)[2]
        slack = optimum.gap + 1e-13
        assert certificate.gap >= certificate.objective - optimum.objective - slack
        assert certificate.dual_bound <= optimum.objective + slack
        assert certificate.relative_gap == certificate.gap / abs(certificate.objective)


@parametrize_all
def test_drift_of_the_shared_vector_is_accounted_for(
    name, side, sparse, weighted, intercept
) -> None:
    problem = build(name, side, sparse=sparse, weighted=weighted, intercept=intercept)
    best = snapshot(problem, solve(problem))[2]
    rng = np.random.default_rng(3)
    for seed, alpha in enumerate(iterates(problem, 6)):
        exact = problem.shared_vector(alpha)
        w = exact * (1 + 0.05 * rng.normal(size=exact.size))
        certificate = certify(problem, alpha, w, problem.columns.dot(w), exact)
        slack = best.gap + 1e-13
        assert certificate.gap >= certificate.objective - best.objective - slack, seed
        assert certificate.dual_bound <= best.objective + slack


@pytest.mark.parametrize(("name", "side"), [case for case in CASES if case[0] != "lasso"])
def test_drift_gap_equals_primal_minus_dual_computed_directly(name, side) -> None:
    problem = build(name, side)
    alpha = random_alpha(problem)
    exact = problem.shared_vector(alpha)
    w = exact + 0.01
    u = problem.columns.dot(w)
    value = (
        problem.smooth_value(exact) + term_value(problem.kind, alpha, problem.p, problem.q).sum()
    )
    dual = problem.smooth_conjugate(w) + term_conjugate(problem.kind, u, problem.p, problem.q).sum()
    assert certify(problem, alpha, w, u, exact).gap == pytest.approx(value + dual, rel=1e-9)


def test_kinds_are_named() -> None:
    names = {}
    for name, side in CASES:
        problem = build(name, side)
        names[name, side] = snapshot(problem, solve(problem))[2].kind
    assert names["lasso", "primal"] == "rescaled dual"
    assert {names[case] for case in [("elastic_net", "primal"), ("ridge", "primal")]} == {
        "conjugate"
    }
    assert {names[case] for case in CASES if case[1] == "dual"} == {"primal-dual"}


@pytest.mark.parametrize("intercept", [False, True])
def test_lasso_certificate_is_tighter_than_ball_and_plain_rescaling(intercept: bool) -> None:
    tighter = 0
    for seed in range(20):
        problem = build("lasso", lam=0.3, seed=seed, intercept=intercept)
        rng = np.random.default_rng(seed)
        for alpha in iterates(problem, 4):
            exact = problem.shared_vector(alpha)
            w = exact + 0.002 * (seed % 2) * rng.normal(size=exact.size)
            u = problem.columns.dot(w)
            gap = certify(problem, alpha, w, u, exact).gap
            if problem.intercept_direction is not None:
                w = w - w.mean()
                u = problem.columns.dot(w)
            objective = problem.objective(alpha, exact)
            steepest = np.abs(u).max()
            linear = (alpha * u).sum() + problem.l1 * np.abs(alpha[: problem.features]).sum()
            ball = linear + problem.bound(objective) * max(steepest - problem.l1, 0)
            ball += problem.smooth_value(exact - w)
            theta = w * min(1.0, problem.l1 / steepest)
            rescaled = objective + problem.smooth_conjugate(theta)
            assert gap <= min(ball, rescaled) + 1e-12
            tighter += gap < min(ball, rescaled) - 1e-9
    assert tighter > 0


def test_lasso_of_zero_residual_is_certified_at_once() -> None:
    problem = dataclasses.replace(build("lasso"), target=np.zeros(24))
    certificate = snapshot(problem, problem.initial_alpha())[2]
    assert (certificate.objective, certificate.gap, certificate.relative_gap) == (0, 0, 0)


def test_alpha_beyond_its_bounds_by_rounding_still_gives_a_proof() -> None:
    problem = build("svm")
    best = snapshot(problem, solve(problem))[2]
    alpha = (random_alpha(problem) * (1 + 1e-7)).astype(np.float32).astype(np.float64)
    w = problem.shared_vector(alpha)
    certificate = certify(problem, alpha, w, problem.columns.dot(w))
    inside = snapshot(problem, problem.project(alpha))[2]
    assert np.isfinite(certificate.gap)
    assert certificate.dual_bound <= best.objective
    assert certificate.dual_bound == pytest.approx(inside.dual_bound, rel=1e-5)


def test_an_infeasible_alpha_is_projected_not_trusted() -> None:
    problem = build("svm")
    best = snapshot(problem, solve(problem))[2]
    alpha = 5 * problem.p * problem.q
    assert snapshot(problem, alpha)[2].dual_bound <= best.objective + 1e-12


@pytest.mark.parametrize(("name", "side"), CASES)
def test_stale_products_are_refused(name: str, side: str) -> None:
    problem = build(name, side)
    alpha = random_alpha(problem)
    w = problem.shared_vector(alpha)
    u = problem.columns.dot(w)
    with pytest.raises(HetengineError, match="same snapshot"):
        certify(problem, alpha, w, u + 0.3 * np.abs(u).max(), w)


@pytest.mark.parametrize(("name", "side"), CASES)
def test_numbers_that_are_not_finite_certify_nothing(name: str, side: str) -> None:
    problem = build(name, side)
    alpha = random_alpha(problem)
    w = np.full(problem.length, np.nan)
    certificate = certify(problem, alpha, w, np.full(problem.count, np.nan))
    assert certificate.gap == certificate.relative_gap == np.inf


@settings(max_examples=40)
@given(
    st.sampled_from(CASES),
    st.integers(0, 10**6),
    st.floats(1e-3, 2.0),
    st.floats(0, 0.5),
)
def test_gap_is_never_negative(case, seed: int, lam: float, drift: float) -> None:
    problem = build(*case, lam=lam, seed=seed % 7, rows=9, features=5)
    alpha = random_alpha(problem, seed)
    exact = problem.shared_vector(alpha)
    w = exact + drift * np.random.default_rng(seed).normal(size=exact.size)
    assert certify(problem, alpha, w, problem.columns.dot(w), exact).gap >= 0
