"""Every Numba kernel against the float64 reference of `hetengine.problems`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hetengine.problems import Kind, coordinate_update, term_gap
from hetengine.testing.reference import (
    BOUND,
    DTYPES,
    LAYOUTS,
    SHAPES,
    by_column,
    leading,
    make_columns,
    make_terms,
    plain_epoch,
    shuffled,
)
from hetengine_numpy import NumpyBackend
from hetengine_numpy.kernels import coordinate

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-11}
L, SIGMA, SEED = 0.7, 2.0, 12345678901234567

over_columns = pytest.mark.parametrize("layout", LAYOUTS)
over_dtypes = pytest.mark.parametrize("dtype", DTYPES)
over_shapes = pytest.mark.parametrize(("n", "d"), SHAPES)
over_kinds = pytest.mark.parametrize("kind", list(Kind))


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return dict(NumpyBackend().implementations())


@pytest.fixture(scope="module")
def threaded() -> dict[str, Any]:
    return dict(NumpyBackend().implementations(2))


def run_epoch(kernel: Any, columns: Any, terms: Any, w: np.ndarray, kind: Kind, seed: int = SEED):
    """One epoch over all columns; returns (order, gaps, met, moved), and changes terms and w."""
    order = np.arange(columns.count, dtype=np.int32)
    gaps = np.zeros(columns.count, columns.dtype)
    state = (terms.alpha, terms.h, terms.p, terms.q, gaps, w)
    met, moved = kernel(*leading(columns), order, *state, int(kind), L, SIGMA, BOUND, seed)
    return order, gaps, met, moved


@over_kinds
def test_coordinate_gap_and_update_are_those_of_the_reference(kind: Kind) -> None:
    columns = make_columns(60, 9, "dense", np.float64)
    terms = make_terms(kind, columns, L)
    u = np.random.default_rng(3).normal(size=60) * 3
    u[[0, 1, 3, 4]] = [0.0, 1.0, 40.0, -40.0]
    u[terms.h == 0] = 0.0  # an empty column has no product
    gaps = term_gap(kind, terms.alpha, u, terms.p, terms.q, BOUND)
    updates = coordinate_update(kind, terms.alpha, u, terms.h, terms.p, terms.q)
    for i in range(60):
        a, p, q, h = terms.alpha[i], terms.p[i], terms.q[i], terms.h[i]
        gap = coordinate.gap(int(kind), a, u[i], p, q, BOUND)
        assert gap == pytest.approx(gaps[i], rel=1e-11, abs=1e-13)
        assert coordinate.update(int(kind), a, u[i], h, p, q) == pytest.approx(
            updates[i], rel=1e-10, abs=1e-13
        )


@over_kinds
def test_an_update_leaves_no_gap_to_another_update(kind: Kind) -> None:
    columns = make_columns(30, 4, "dense", np.float64)
    terms = make_terms(kind, columns, L)
    for i in range(30):
        a, h, p, q = terms.alpha[i], terms.h[i], terms.p[i], terms.q[i]
        fresh = coordinate.update(int(kind), a, 0.4, h, p, q)
        again = coordinate.update(int(kind), fresh, 0.4 + h * (fresh - a), h, p, q)
        assert again == pytest.approx(fresh, rel=1e-9, abs=1e-12)


@over_kinds
@over_shapes
@over_dtypes
@over_columns
def test_gaps(
    kernels: dict[str, Any], layout: str, dtype: type, n: int, d: int, kind: Kind
) -> None:
    columns = make_columns(n, d, layout, dtype)
    terms = make_terms(kind, columns, L)
    w = np.random.default_rng(2).normal(size=d)
    ids = np.flatnonzero(np.arange(n) % 4 != 1)
    u, gaps = np.full(n, -1.0), np.full(n, -1.0)
    args = (ids, w, terms.alpha, terms.p, terms.q, int(kind), BOUND, u, gaps)
    kernels[f"{layout}_gaps"](*leading(columns), *args)
    exact = by_column(columns) @ w
    expected = term_gap(kind, terms.alpha, exact, terms.p, terms.q, BOUND)
    # Data are float32, products and gaps float64 all the same: a certificate rests on them.
    np.testing.assert_allclose(u[ids], exact[ids], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gaps[ids], expected[ids], rtol=1e-6, atol=1e-7)
    others = np.setdiff1d(np.arange(n), ids)
    assert (u[others] == -1.0).all()
    assert (gaps[others] == -1.0).all()


@over_kinds
@over_shapes
@over_dtypes
@over_columns
def test_an_epoch_is_plain_coordinate_descent_in_the_seeded_order(
    kernels: dict[str, Any], layout: str, dtype: type, n: int, d: int, kind: Kind
) -> None:
    columns = make_columns(n, d, layout, dtype)
    terms = make_terms(kind, columns, L)
    w = np.random.default_rng(2).normal(size=d).astype(dtype)
    order = shuffled(np.arange(n, dtype=np.int32), SEED)
    expected = plain_epoch(kind, columns, terms, w, order, L, SIGMA)
    found, gaps, met, moved = run_epoch(kernels[f"{layout}_epoch"], columns, terms, w, kind)
    np.testing.assert_array_equal(found, order)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(terms.alpha, expected.alpha, rtol=tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(w, expected.w, rtol=tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(gaps, expected.gaps, rtol=10 * tolerance, atol=10 * tolerance)
    assert met == pytest.approx(expected.met, rel=10 * tolerance, abs=10 * tolerance)
    if dtype is np.float64:
        assert moved == expected.moved


@over_columns
@over_dtypes
def test_nothing_is_touched_without_ids(kernels, threaded, layout: str, dtype: type) -> None:
    columns = make_columns(5, 3, layout, dtype)
    terms = make_terms(Kind.HINGE, columns, L)
    none, w = np.empty(0, np.int64), np.ones(3)
    u, gaps, norms = np.ones(5), np.ones(5), np.ones(5)
    rest = (w, terms.alpha, terms.p, terms.q, int(Kind.HINGE), 0.0, u, gaps)
    for table in (kernels, threaded):
        table[f"{layout}_gaps"](*leading(columns), none, *rest)
        table[f"{layout}_combine"](*leading(columns), none, np.ones(5), L, w)
        table[f"{layout}_square_norms"](*leading(columns), none, norms)
        order, short = none.astype(np.int32), w.astype(dtype)
        state = (terms.alpha, terms.h, terms.p, terms.q, gaps.astype(dtype), short)
        epoch = table[f"{layout}_epoch"]
        assert epoch(*leading(columns), order, *state, 2, L, 1.0, 0.0, 1) == (0.0, 0)
    for values in (w, u, gaps, norms):
        assert (values == 1.0).all()


@over_shapes
@over_dtypes
@over_columns
def test_combine_adds_the_weighted_columns(kernels, layout, dtype, n: int, d: int) -> None:
    columns = make_columns(n, d, layout, dtype)
    rng = np.random.default_rng(4)
    alpha, w = rng.normal(size=n) * (rng.random(n) < 0.6), rng.normal(size=d)
    expected = w + L * columns.combine(alpha)
    kernels[f"{layout}_combine"](*leading(columns), np.flatnonzero(alpha), alpha, L, w)
    np.testing.assert_allclose(w, expected, rtol=1e-13, atol=1e-13)


@over_shapes
@over_dtypes
@over_columns
def test_square_norms(kernels, layout: str, dtype: type, n: int, d: int) -> None:
    columns = make_columns(n, d, layout, dtype)
    norms = np.full(n, -1.0)
    kernels[f"{layout}_square_norms"](*leading(columns), np.arange(n), norms)
    np.testing.assert_allclose(norms, columns.square_norms(), rtol=1e-13)
    assert (norms[2::3] == 0).all()


@over_shapes
@over_dtypes
def test_dense_columns_survive_a_shipment(kernels, dtype: type, n: int, d: int) -> None:
    columns = make_columns(n, d, "dense", dtype)
    (values,) = leading(columns)
    ids = np.random.default_rng(5).permutation(n)[: max(1, n // 2)]
    shipped = np.zeros(ids.size * d, dtype)
    kernels["dense_pack"](values, ids, shipped)
    arena, state = np.zeros((n + 2, d), dtype), np.full((4, n + 2), -7, dtype)
    slots = np.arange(n + 1, n + 1 - ids.size, -1).astype(np.int32)
    params = np.arange(4.0 * ids.size).astype(dtype)
    kernels["dense_unpack"](slots, params, shipped, arena, *state)
    np.testing.assert_array_equal(arena[slots], values[ids])
    np.testing.assert_array_equal(state[:, slots].T.reshape(-1), params)
    others = np.setdiff1d(np.arange(n + 2), slots)
    assert (arena[others] == 0).all()
    assert (state[:, others] == -7).all()


class Log:
    """A sparse arena with room for all columns in reverse order of slots, one element apart."""

    def __init__(self, columns: Any, ids: np.ndarray) -> None:
        self.ids = ids
        lens = columns.lens[ids].astype(np.int64)
        self.slots = np.arange(ids.size - 1, -1, -1).astype(np.int32)
        self.params = np.zeros(4 * ids.size, columns.dtype)
        self.extents = np.cumsum(lens + 1) - lens
        size = int(lens.sum()) + ids.size
        self.values, self.indices = np.zeros(size, columns.dtype), np.zeros(size, np.uint32)
        self.starts, self.lens = np.zeros(ids.size, np.int64), np.zeros(ids.size, np.int32)
        self.state = np.zeros((4, ids.size), columns.dtype)
        self.shipped = np.zeros(int(lens.sum()), columns.dtype)
        self.shipped_indices = np.zeros(int(lens.sum()), np.uint32)
        self.shipped_lens = columns.lens[ids]

    @property
    def arena(self) -> tuple[np.ndarray, ...]:
        return self.values, self.indices, self.starts, self.lens

    def fill(self, kernels: dict[str, Any], columns: Any) -> None:
        kernels["sparse_pack"](*leading(columns), self.ids, self.shipped, self.shipped_indices)
        label = (self.slots, self.params, self.extents, self.shipped_lens)
        kernels["sparse_unpack"](
            *label, self.shipped, self.shipped_indices, *self.arena, *self.state
        )

    def check(self, columns: Any) -> None:
        for slot, i in zip(self.slots, self.ids, strict=True):
            here = slice(self.starts[slot], self.starts[slot] + self.lens[slot])
            there = slice(columns.starts[i], columns.starts[i] + columns.lens[i])
            np.testing.assert_array_equal(self.values[here], columns.values[there])
            np.testing.assert_array_equal(self.indices[here], columns.indices[there])


@over_shapes
@over_dtypes
def test_sparse_columns_survive_a_shipment_and_compaction(kernels, dtype, n: int, d: int) -> None:
    columns = make_columns(n, d, "sparse", dtype)
    log = Log(columns, np.random.default_rng(5).permutation(n))
    log.fill(kernels, columns)
    log.check(columns)
    order = log.slots[np.argsort(log.starts[log.slots], kind="stable")]
    kernels["sparse_compact"](*log.arena, order)
    log.check(columns)
    ends = np.cumsum(log.lens[order], dtype=np.int64)
    np.testing.assert_array_equal(log.starts[order], ends - log.lens[order])


@over_kinds
@over_dtypes
@over_columns
def test_two_threads_measure_what_one_does(kernels, threaded, layout, dtype, kind: Kind) -> None:
    columns = make_columns(33, 17, layout, dtype)
    terms = make_terms(kind, columns, L)
    w = np.random.default_rng(2).normal(size=17)
    results = []
    for table in (kernels, threaded):
        u, gaps, norms = np.zeros(33), np.zeros(33), np.zeros(33)
        args = (np.arange(33), w, terms.alpha, terms.p, terms.q, int(kind), BOUND, u, gaps)
        table[f"{layout}_gaps"](*leading(columns), *args)
        table[f"{layout}_square_norms"](*leading(columns), np.arange(33), norms)
        results.append((u, gaps, norms))
    np.testing.assert_array_equal(results[0], results[1])


@over_kinds
@over_columns
def test_epochs_on_two_threads_repeat_and_descend(threaded, layout: str, kind: Kind) -> None:
    columns = make_columns(33, 5, layout, np.float64)
    problem = descent_problem(kind, columns)
    runs = []
    for _ in range(2):
        terms, w = make_terms(kind, columns, L), problem.w0.copy()
        terms.p, terms.q, terms.alpha = problem.p, problem.q, problem.initial_alpha()
        values = [problem.objective(terms.alpha, w)]
        for seed in range(8):
            before = w.copy()
            run_epoch(threaded[f"{layout}_epoch"], columns, terms, w, kind, seed)
            exact = problem.shared_vector(terms.alpha)
            # The shared vector on the device moved by sigma' times the sum of all steps.
            np.testing.assert_allclose(w - before, SIGMA * (exact - before), atol=1e-10)
            w = exact
            values.append(problem.objective(terms.alpha, w))
        assert np.diff(values).max() <= 1e-12
        assert values[-1] < values[0]
        runs.append((terms.alpha.copy(), w.copy()))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def descent_problem(kind: Kind, columns: Any):
    from hetengine.problems import CoordinateProblem

    n = columns.count
    rng = np.random.default_rng(8)
    labels = rng.choice([-1.0, 1.0], n)
    penalty = kind is Kind.PENALTY
    return CoordinateProblem(
        name="test",
        side="primal" if penalty else "dual",
        kind=kind,
        columns=columns,
        smoothness=L,
        target=rng.normal(size=columns.length) if penalty else np.zeros(columns.length),
        p=np.full(n, 0.1) if penalty else labels,
        q=np.full(n, 0.05 if penalty else 1.0 / n),
        lam=1 / L,
        rows=n,
        features=columns.length,
    )


def test_shuffles_are_permutations_and_differ_by_seed() -> None:
    orders = []
    for seed in (0, 1, (1 << 62) - 1):
        order = np.arange(101, dtype=np.int32)
        coordinate.shuffle(order, seed)
        np.testing.assert_array_equal(order, shuffled(np.arange(101, dtype=np.int32), seed))
        np.testing.assert_array_equal(np.sort(order), np.arange(101))
        orders.append(order)
    assert not np.array_equal(orders[0], orders[1])
