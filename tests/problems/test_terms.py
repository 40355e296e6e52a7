from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hetengine.problems import (
    Kind,
    coordinate_update,
    term_conjugate,
    term_gap,
    term_project,
    term_value,
)
from hetengine.problems.terms import total_gap, total_value

BOX = 3.0
DUAL = [Kind.SQUARED, Kind.HINGE, Kind.SQUARED_HINGE, Kind.LOGISTIC]
BOUNDED = [Kind.HINGE, Kind.LOGISTIC]


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


@st.composite
def terms(draw: st.DrawFn) -> tuple[Kind, float, float, float, float]:
    """A kind with a feasible a, any u, and parameters p, q."""
    kind = draw(st.sampled_from(list(Kind)))
    u = draw(finite(-5, 5))
    if kind is Kind.PENALTY:
        l1, l2 = draw(st.sampled_from([(0.7, 0.0), (0.7, 0.4), (0.0, 0.4), (1e-3, 2.0)]))
        return kind, draw(finite(-BOX, BOX)), u, l1, l2
    label, c = draw(st.sampled_from([1.0, -1.0])), draw(finite(1e-3, 10))
    share = draw(st.one_of(st.sampled_from([0.0, 1.0]), finite(0, 1)))
    if kind is Kind.SQUARED:
        return kind, draw(finite(-3, 3)), u, draw(finite(-3, 3)), c
    return kind, label * c * share, u, label, c


def domain(kind: Kind, p: float, q: float) -> tuple[float, float]:
    if kind is Kind.PENALTY:
        return (-BOX, BOX) if q == 0 else (-1e4, 1e4)
    if kind is Kind.SQUARED:
        return -1e4, 1e4
    top = q if kind in BOUNDED else 1e3
    return (0.0, top) if p > 0 else (-top, 0.0)


def least(function, low: float, high: float) -> float:
    """Smallest value on an interval, bounds included."""
    inner: Any = minimize_scalar(
        function, bounds=(low, high), method="bounded", options={"xatol": 1e-11}
    )
    return min(float(inner.fun), function(low), function(high))


@given(terms())
def test_gap_is_the_fenchel_young_gap_and_not_negative(term) -> None:
    kind, a, u, p, q = term
    gap = term_gap(kind, a, u, p, q, BOX)
    direct = a * u + term_value(kind, a, p, q) + term_conjugate(kind, u, p, q, BOX)
    assert gap >= 0
    assert gap == pytest.approx(float(direct), rel=1e-9, abs=1e-11)


@settings(max_examples=60)
@given(terms())
def test_conjugate_is_the_supremum(term) -> None:
    kind, _, u, p, q = term

    def negated(x: float) -> float:
        return float(u * x + term_value(kind, x, p, q))

    supremum = -least(negated, *domain(kind, p, q))
    assert float(term_conjugate(kind, u, p, q, BOX)) == pytest.approx(supremum, rel=1e-6, abs=1e-6)


@settings(max_examples=150)
@given(terms(), finite(1e-3, 1e3))
def test_update_is_the_exact_minimiser(term, h: float) -> None:
    kind, a, u, p, q = term

    def model(x: float) -> float:
        return float(u * (x - a) + 0.5 * h * (x - a) ** 2 + term_value(kind, x, p, q))

    fresh = float(coordinate_update(kind, a, u, h, p, q))
    low, high = domain(kind, p, q) if kind in BOUNDED else (fresh - 5, fresh + 5)
    if kind is Kind.SQUARED_HINGE:
        low, high = (max(0.0, low), high) if p > 0 else (low, min(0.0, high))
    best = least(model, low, high)
    assert model(fresh) <= best + 1e-10 * (1 + abs(best))
    assert model(fresh) <= model(a) + 1e-12 * (1 + abs(model(a)))


@given(terms())
def test_gap_vanishes_exactly_where_an_empty_column_is_optimal(term) -> None:
    kind, a, u, p, q = term
    if kind is Kind.PENALTY and q == 0:
        u = float(np.clip(u, -p, p))
    fresh = coordinate_update(kind, a, u, 0.0, p, q)
    assert float(term_gap(kind, fresh, u, p, q, BOX)) == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize(
    ("kind", "a", "u", "p", "q", "expected"),
    [
        (Kind.PENALTY, 0.5, 0.0, 0.1, 0.0, 0.0),
        (Kind.PENALTY, 0.5, 0.0, 0.0, 0.3, 0.0),
        (Kind.PENALTY, 0.5, 0.0, 0.0, 0.0, 0.5),
        (Kind.SQUARED, 0.5, 0.0, 2.0, 0.25, 0.5),
        (Kind.HINGE, -0.1, 0.0, -1.0, 0.25, -0.25),
        (Kind.HINGE, 0.1, 2.0, 1.0, 0.25, 0.0),
        (Kind.HINGE, 0.1, 1.0, 1.0, 0.25, 0.1),
        (Kind.SQUARED_HINGE, 0.1, 0.0, 1.0, 0.25, 0.25),
        (Kind.LOGISTIC, 0.1, 0.0, 1.0, 0.25, 0.125),
    ],
)
def test_update_of_an_empty_column(kind, a, u, p, q, expected) -> None:
    assert float(coordinate_update(kind, a, u, 0.0, p, q)) == expected


@pytest.mark.parametrize("kind", BOUNDED)
def test_rounding_beyond_a_bound_counts_as_on_it(kind: Kind) -> None:
    c = np.array([0.3, 0.3])
    a = np.array([np.nextafter(0.3, 1) * (1 + 1e-7), -1e-8])
    assert np.isfinite(term_value(kind, a, 1.0, c)).all()
    np.testing.assert_array_equal(term_project(kind, a, 1.0, c), [0.3, 0.0])
    assert (term_gap(kind, a, 0.5, 1.0, c) >= 0).all()


@pytest.mark.parametrize("kind", [*BOUNDED, Kind.SQUARED_HINGE])
def test_far_outside_the_domain_is_infinite(kind: Kind) -> None:
    assert term_value(kind, -0.1, 1.0, 0.3) == np.inf
    assert term_gap(kind, -0.1, 0.0, 1.0, 0.3) == np.inf
    if kind in BOUNDED:
        assert term_value(kind, 0.4, 1.0, 0.3) == np.inf


@pytest.mark.parametrize("kind", DUAL)
def test_an_example_without_weight_stays_at_zero(kind: Kind) -> None:
    assert coordinate_update(kind, 0.0, 0.3, 2.0, 1.0, 0.0) == 0
    assert term_value(kind, 0.0, 1.0, 0.0) == 0
    assert term_gap(kind, 0.0, 0.3, 1.0, 0.0) == 0
    assert term_project(kind, 0.2, 1.0, 0.0) == 0


@pytest.mark.parametrize("m", [-1000.0, -30.0, 30.0, 1000.0])
@pytest.mark.parametrize("share", [0.0, 1e-300, 0.5, 1.0])
def test_logistic_stays_finite_at_extreme_margins(m: float, share: float) -> None:
    c = 0.25
    gap = term_gap(Kind.LOGISTIC, c * share, m, 1.0, c)
    fresh = coordinate_update(Kind.LOGISTIC, c * share, m, 1e6, 1.0, c)
    assert np.isfinite(gap)
    assert 0 <= fresh <= c


def test_logistic_newton_does_not_cycle() -> None:
    m, h, c = -3.773, 5963.0, 0.107
    b = float(coordinate_update(Kind.LOGISTIC, 0.0, m, h, 1.0, c))
    assert np.log(b / (c - b)) + m + h * b == pytest.approx(0, abs=1e-9)


@given(st.lists(st.tuples(finite(-30, 30), finite(-3, 7), finite(-3, 1), finite(0, 1)), min_size=1))
def test_logistic_root_is_solved_for_many_at_once(cases) -> None:
    m, log_h, log_c, share = np.array(cases).T
    h, c = 10**log_h, 10**log_c
    b = coordinate_update(Kind.LOGISTIC, c * share, m, h, 1.0, c)
    slope = np.abs(m) + h * np.abs(b - c * share) + 40.0
    inside = (b > c * 1e-12) & (c - b > c * 1e-3)
    residual = np.log(b[inside] / (c - b)[inside]) + (m + h * (b - c * share))[inside]
    assert (np.abs(residual) <= 1e-9 * slope[inside] * (1 + h * c)[inside]).all()
    assert ((b >= 0) & (b <= c)).all()


@pytest.mark.parametrize("kind", list(Kind))
def test_arrays_and_numbers_agree(kind: Kind) -> None:
    rng = np.random.default_rng(0)
    p = rng.choice([-1.0, 1.0], 8) if kind is not Kind.PENALTY else np.full(8, 0.2)
    q, u, h = rng.random(8) + 0.1, rng.normal(size=8), rng.random(8)
    a = p * q * rng.random(8)
    whole = coordinate_update(kind, a, u, h, p, q)
    single = [float(coordinate_update(kind, *row)) for row in zip(a, u, h, p, q, strict=True)]
    np.testing.assert_allclose(whole, single, rtol=1e-12)


@pytest.mark.parametrize("kind", list(Kind))
def test_totals_of_long_vectors_are_the_sums_of_their_terms(kind: Kind) -> None:
    rng = np.random.default_rng(0)
    n = 40_000
    u, q = rng.normal(size=n), 0.1 + rng.random(n)
    p = np.full(n, 0.3) if kind is Kind.PENALTY else np.where(rng.random(n) < 0.5, -1.0, 1.0)
    a = term_project(kind, rng.normal(size=n), p, q)
    assert total_value(kind, a, p, q) == pytest.approx(term_value(kind, a, p, q).sum(), rel=1e-12)
    assert total_gap(kind, a, u, p, q) == pytest.approx(term_gap(kind, a, u, p, q).sum(), rel=1e-12)
