from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import Certificate, certify, safe_to_drop
from tests.problems.reference_cd import CASES, build, iterates, random_alpha, snapshot, solve

VARIANTS = [(False, False), (True, True)]
SCREENED = ["lasso", "elastic_net", "svm", "squared_hinge"]


@pytest.mark.parametrize("name", SCREENED)
@pytest.mark.parametrize(("weighted", "intercept"), VARIANTS)
def test_nothing_wrong_is_ever_dropped(name: str, weighted: bool, intercept: bool) -> None:
    problem = build(name, lam=0.2, weighted=weighted, intercept=intercept)
    norms = problem.columns.square_norms()
    best = solve(problem, tol=1e-13)
    counts = []
    for alpha in iterates(problem, 60):
        _, u, certificate = snapshot(problem, alpha)
        mask, values = safe_to_drop(problem, certificate, alpha, u, norms)
        np.testing.assert_allclose(values[mask], best[mask], atol=1e-6 * np.abs(best).max())
        np.testing.assert_array_equal(values[~mask], alpha[~mask])
        assert not mask[problem.pinned].any()
        counts.append(int(mask.sum()))
    assert counts[-1] > 0, "screening that drops nothing proves nothing"
    assert counts[-1] > counts[0]


@pytest.mark.parametrize("name", SCREENED)
@pytest.mark.parametrize(("weighted", "intercept"), VARIANTS)
def test_parts_say_what_the_whole_says(name: str, weighted: bool, intercept: bool) -> None:
    problem = build(name, lam=0.2, weighted=weighted, intercept=intercept)
    norms = problem.columns.square_norms()
    *_, alpha = iterates(problem, 60)
    _, u, certificate = snapshot(problem, alpha)
    reach = 1e-9 * np.arange(u.size)
    mask, values = safe_to_drop(problem, certificate, alpha, u, norms, reach)
    assert mask.any()
    for part in (slice(0, 5), slice(5, u.size)):
        of_part = (each[part] for each in (alpha, u, norms, reach))
        found, at = safe_to_drop(problem, certificate, *of_part, part=part)
        np.testing.assert_array_equal(found, mask[part])
        np.testing.assert_array_equal(at, values[part])


def test_both_bounds_of_the_hinge_are_found() -> None:
    problem = build("svm", lam=0.1)
    best = solve(problem, tol=1e-13)
    _, u, certificate = snapshot(problem, best)
    mask, values = safe_to_drop(problem, certificate, best, u, problem.columns.square_norms())
    full = problem.p * problem.q
    assert (mask & (values == 0)).any()
    assert (mask & (values == full)).any()
    # Free support vectors lie on the margin and are never settled.
    free = (np.abs(best) > 1e-6) & (np.abs(best - full) > 1e-6)
    assert free.any()
    assert not mask[free].any()


@pytest.mark.parametrize("name", SCREENED)
def test_drifted_snapshots_screen_safely(name: str) -> None:
    problem = build(name, lam=0.1)
    norms = problem.columns.square_norms()
    best = solve(problem, tol=1e-13)
    rng = np.random.default_rng(0)
    for alpha in iterates(problem, 40):
        exact = problem.shared_vector(alpha)
        w = exact * (1 + 1e-3 * rng.normal(size=exact.size))
        u = problem.columns.dot(w)
        certificate = certify(problem, alpha, w, u, exact)
        mask, values = safe_to_drop(problem, certificate, alpha, u, norms)
        np.testing.assert_allclose(values[mask], best[mask], atol=1e-6 * np.abs(best).max())


@pytest.mark.parametrize(("name", "side"), [case for case in CASES if case[0] not in SCREENED])
def test_smooth_terms_settle_nothing(name: str, side: str) -> None:
    problem = build(name, side)
    best = solve(problem)
    _, u, certificate = snapshot(problem, best)
    mask, _ = safe_to_drop(problem, certificate, best, u, problem.columns.square_norms())
    assert not mask.any()


def test_an_infinite_gap_settles_nothing() -> None:
    problem = build("lasso")
    alpha = random_alpha(problem)
    u = np.full(problem.count, np.nan)
    certificate = certify(problem, alpha, np.full(problem.length, np.nan), u)
    mask, _ = safe_to_drop(problem, certificate, alpha, u, problem.columns.square_norms())
    assert not mask.any()


def test_a_margin_within_rounding_of_one_settles_nothing() -> None:
    problem = build("svm")
    alpha = random_alpha(problem)
    proof = Certificate(objective=1.0, gap=0.0, relative_gap=0.0, kind="primal-dual")
    norms = problem.columns.square_norms()
    for margin in (np.nextafter(1, 2), np.nextafter(1, 0)):
        assert not safe_to_drop(problem, proof, alpha, problem.p * margin, norms)[0].any()
    for margin in (1 + 1e-4, 1 - 1e-4):
        assert safe_to_drop(problem, proof, alpha, problem.p * margin, norms)[0].all()


def test_the_dual_point_of_the_certificate_is_the_centre() -> None:
    problem = build("lasso", intercept=True)
    assert problem.intercept_products is not None
    alpha, norms = random_alpha(problem), problem.columns.square_norms()
    inside = np.full(problem.count, 0.9 * problem.l1)

    def dropped(u: np.ndarray, scale: float, shift: float) -> np.ndarray:
        proof = Certificate(1.0, 0.0, 0.0, "rescaled dual", scale, shift)
        return safe_to_drop(problem, proof, alpha, u, norms)[0][: problem.features]

    assert dropped(inside, 1.0, 0.0).all()
    assert not dropped(inside, 1.2, 0.0).any()
    assert dropped(inside + 3 * problem.intercept_products, 1.0, 3.0).all()
    assert not dropped(inside + 3 * problem.intercept_products, 1.0, 0.0).all()
