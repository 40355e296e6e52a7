"""Kernels that pass over rows, against NumPy in float64, for one thread and several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from hetengine.problems import Kind, columns_of, term_conjugate, term_gap
from hetengine_numpy import NumpyBackend, resident

LENGTH = 64
N, D = 300, 21
SMOOTH = [Kind.PENALTY, Kind.SQUARED, Kind.SQUARED_HINGE, Kind.LOGISTIC]


@pytest.fixture(autouse=True)
def _shared_however_little(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_LITTLE", "_LITTLE_FLOPS", "_LITTLE_GRAM"):
        monkeypatch.setattr(resident, limit, 0)


over_layouts = pytest.mark.parametrize("layout", ["dense", "sparse"])
over_all_layouts = pytest.mark.parametrize("layout", ["dense", "by feature", "sparse"])
over_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
over_threads = pytest.mark.parametrize("threads", [1, 3])


def tolerance(dtype: type) -> float:
    return 2e-6 if dtype is np.float32 else 1e-12


def make(layout: str, dtype: type) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """A matrix in float64 and its rows as kernels take them."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, D)) * (rng.random((N, D)) < (0.4 if layout == "sparse" else 1.0))
    X[7] = 0.0
    X = X.astype(np.float32).astype(np.float64)
    if layout == "by feature":
        return X, (np.asfortranarray(X, dtype),)
    columns: Any = columns_of(scipy.sparse.csr_array(X) if layout == "sparse" else X, "dual", dtype)
    names = ("values", "indices", "starts", "lens") if layout == "sparse" else ("values",)
    return X, tuple(getattr(columns, name) for name in names)


def kernel(name: str, threads: int) -> Any:
    return NumpyBackend().implementations(threads)[name]


def terms() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    label = np.where(rng.random(N) < 0.5, -1.0, 1.0)
    weight = rng.random(N) / N
    weight[64:128] = 0.0  # a run that nobody reads
    return label, weight


@over_all_layouts
@over_dtypes
@over_threads
@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("summed", [None, np.float64])
def test_slopes(layout: str, dtype: type, threads: int, kind: Kind, summed: type | None) -> None:
    X, rows = make(layout, dtype)
    label, weight = terms()
    rng = np.random.default_rng(5)
    step, base = rng.normal(size=D + 1), rng.normal(size=N)
    scores, slope, gradient = np.full(N, np.nan), np.full(N, np.nan), np.ones(D + 1)
    runs = np.arange(0, N, LENGTH)
    partial = np.empty(0, summed or dtype)
    args = (step.astype(dtype), base, label, weight, int(kind), partial, scores, slope, gradient)
    loss = kernel("rows_slopes", threads)(rows, runs, LENGTH, *args)
    counted = weight > 0
    z = base + counted * (X @ step[:-1] + step[-1])
    values = term_conjugate(Kind.SQUARED if kind == Kind.PENALTY else kind, z, label, weight)
    shift = 1e-6
    ahead, behind = (
        term_conjugate(Kind.SQUARED if kind == Kind.PENALTY else kind, z + s, label, weight)
        for s in (shift, -shift)
    )
    assert scores == pytest.approx(z, abs=10 * tolerance(dtype))
    assert loss == pytest.approx(values.sum(), rel=10 * tolerance(dtype))
    assert slope == pytest.approx((ahead - behind) / (2 * shift), abs=1e-8)
    wanted = 1.0 + np.append(X, np.ones((N, 1)), axis=1).T @ slope
    assert gradient == pytest.approx(wanted, abs=10 * tolerance(summed or dtype))


@over_all_layouts
@over_dtypes
@over_threads
@pytest.mark.parametrize("columns", [2, 4])
def test_moments_of_a_sample(layout: str, dtype: type, threads: int, columns: int) -> None:
    X, rows = make(layout, dtype)
    _, weight = terms()
    slope = np.random.default_rng(6).normal(size=N)
    runs = np.array([0, 64, 256])
    sums = np.zeros((D + 1, columns))
    kernel("rows_moments", threads)(rows, runs, LENGTH, slope, weight, sums)
    chosen = [*range(64), *range(256, N)]  # the run without weight is skipped
    whole = np.append(X, np.ones((N, 1)), axis=1)[chosen]
    s, c = slope[chosen], weight[chosen]
    wanted = np.stack([whole.T @ s, (whole**2).T @ c, whole.T @ c], axis=1)
    assert sums[:, :3] == pytest.approx(wanted[:, :columns], abs=30 * tolerance(dtype))


@over_layouts
@over_dtypes
@over_threads
def test_hinge_gap(layout: str, dtype: type, threads: int) -> None:
    X, rows = make(layout, dtype)
    label, weight = terms()
    weight += 0.1
    rng = np.random.default_rng(7)
    label, weight = label.astype(dtype), weight.astype(dtype)
    b = (weight * rng.random(N)).astype(dtype)
    coef = rng.normal(size=D + 1)
    margin, total = np.zeros(N, dtype), np.zeros(D + 4)
    runs = np.arange(0, N, LENGTH)
    state = (coef, b, label, weight, True, margin, total)
    kernel("rows_hinge_gap", threads)(rows, runs, LENGTH, *state)
    u = X @ coef[:-1] + coef[-1]
    *sums, lost, gap, change = total
    assert margin == pytest.approx(label * u - 1, abs=1e-6)
    assert lost == pytest.approx(term_conjugate(Kind.HINGE, u, label, weight).sum(), rel=1e-9)
    gaps = term_gap(Kind.HINGE, label * b, u, label, weight)
    assert gap == pytest.approx(gaps.sum(), rel=1e-7)
    assert change == pytest.approx(np.abs(label * u - 1).sum(), rel=1e-7)
    whole = np.append(X, np.ones((N, 1)), axis=1)
    assert np.array(sums) == pytest.approx(whole.T @ (label * b), abs=30 * tolerance(dtype))


@over_all_layouts
@over_dtypes
@over_threads
def test_gather_and_gram(layout: str, dtype: type, threads: int) -> None:
    X, rows = make(layout, dtype)
    root = np.random.default_rng(8).random(N)
    features = np.array([20, 3, D])
    place = np.full(D + 1, -1, np.int32)
    place[features] = range(3)
    runs = np.array([64, 256])
    panel = np.zeros((2 * LENGTH, 3), dtype)
    kernel("rows_gather", threads)(rows, runs, LENGTH, root, features, place, panel)
    whole = (root[:, None] * np.append(X, np.ones((N, 1)), axis=1))[:, features]
    wanted = np.zeros((2 * LENGTH, 3))
    wanted[:LENGTH], wanted[LENGTH : LENGTH + N - 256] = whole[64:128], whole[256:]
    assert panel == pytest.approx(wanted, abs=tolerance(dtype))
    gram = np.ones((3, 2))
    kernel("gram", threads)(panel, np.ascontiguousarray(panel[:, :2]), gram)
    assert gram == pytest.approx(1 + wanted.T @ wanted[:, :2], abs=100 * tolerance(dtype))


@over_layouts
@over_dtypes
@over_threads
def test_a_pass_that_gathers_does_what_both_do(layout: str, dtype: type, threads: int) -> None:
    _, rows = make(layout, dtype)
    label, weight = terms()
    rng = np.random.default_rng(14)
    step, base, root = rng.normal(size=D + 1).astype(dtype), rng.normal(size=N), np.sqrt(weight)
    features, runs = np.array([20, 3, D]), np.arange(0, N, LENGTH)
    place = np.full(D + 1, -1, np.int32)
    place[features] = range(3)
    apart, at_once = (
        [np.zeros(N), np.zeros(N), np.ones(D + 1), np.zeros((runs.size * LENGTH, 3), dtype)]
        for _ in range(2)
    )
    args = (rows, runs, LENGTH, step, base, label, weight, int(Kind.SQUARED), np.empty(0, dtype))
    loss = kernel("rows_slopes", threads)(*args, *apart[:3])
    gathered = (root, features, place)
    kernel("rows_gather", threads)(rows, runs, LENGTH, *gathered, apart[3])
    scores, slope, gradient, panel = at_once
    found = kernel("rows_slopes_gather", threads)(*args, scores, slope, *gathered, panel, gradient)
    assert found == loss
    assert all(one.tobytes() == other.tobytes() for one, other in zip(at_once, apart, strict=True))
    assert panel.any()


@over_dtypes
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("columns", [(40, 1), (40, 24), (3, 3)])
def test_gram_of_few_columns(dtype: type, threads: int, columns: tuple[int, int]) -> None:
    rng = np.random.default_rng(15)
    left, right = (rng.normal(size=(1234, count)).astype(dtype) for count in columns)
    gram = np.ones(columns)
    kernel("gram", threads)(left, right, gram)
    wanted = 1 + left.astype(np.float64).T @ right
    assert gram == pytest.approx(wanted, abs=1e-4 if dtype is np.float32 else 1e-10)


@over_dtypes
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(5000, 7), (200, 90), (3, 2), (0, 4)])
@pytest.mark.parametrize("out_dtype", [np.float32, np.float64])
def test_gram_of_any_shape(
    dtype: type, threads: int, shape: tuple[int, int], out_dtype: type
) -> None:
    panel = np.random.default_rng(10).normal(size=shape).astype(dtype)
    other = panel[:, : shape[1] // 2].copy()
    wanted = panel.astype(np.float64).T @ panel
    most = 1e-5 * shape[0] if np.float32 in (dtype, out_dtype) else 1e-10
    for right, count in ((panel, shape[1]), (other, other.shape[1])):
        gram = np.ones((shape[1], count), out_dtype)
        kernel("gram", threads)(panel, right, gram)
        assert gram == pytest.approx(1 + wanted[:, :count], abs=most + 1e-6)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.2, 0.5), (0.0, 0.4)])
def test_descent_on_a_gram_matrix_ends_at_the_optimum(l1: float, l2: float) -> None:
    rng = np.random.default_rng(9)
    A = rng.normal(size=(40, 12))
    gram, beta = A.T @ A / 40, rng.normal(size=12)
    u = rng.normal(size=12)
    start, gradient = beta.copy(), u.copy()
    epochs = kernel("gram_descent", 1)(gram, l1, l2, beta, gradient, 1e-28, 10_000)
    assert 1 < epochs < 10_000
    assert gradient == pytest.approx(u + gram @ (beta - start), abs=1e-12)
    pull = gradient + l2 * beta
    assert np.abs(pull).max() <= l1 + 1e-12
    assert pull[beta != 0] == pytest.approx(-l1 * np.sign(beta[beta != 0]), abs=1e-12)


@over_layouts
@over_dtypes
@pytest.mark.parametrize("threads", [1, 2])
def test_ascent_reaches_the_optimum_and_keeps_w_consistent(
    layout: str, dtype: type, threads: int
) -> None:
    X, rows = make(layout, dtype)
    label, lam = terms()[0].astype(dtype), 0.05
    weight = np.full(N, 1 / N, dtype)
    b, margin = np.zeros(N, dtype), np.full(N, -1.0, dtype)
    w = np.zeros(D + 1, dtype if layout == "dense" else np.float64)
    state = (label, weight, np.zeros(N, dtype), b, margin)
    control = np.zeros(10)
    control[[0, 1, 2, 3]] = N, 1.25, np.inf, -np.inf
    order, tour = np.arange(N, dtype=np.int32), np.empty(N, np.int32)
    replicas = np.zeros((threads, 3, D + 1), w.dtype)
    limits = (1e-6, 0.0, 0.0, 500.0, 2.0, 2.5, 0.0)
    sizes = (1 / lam, 0.0, 4, 2, 11)
    kernel("rows_ascent", threads)(rows, order, tour, state, w, replicas, *sizes, limits, control)
    assert 0 < control[2] <= 1e-6
    assert control[4] < 500
    assert w[:-1] == pytest.approx(X.T @ (label * b).astype(np.float64) / lam, abs=1e-4)
    m = label * (X @ w[:-1].astype(np.float64))
    assert ((b >= 0) & (b <= weight)).all()
    assert (m[b == 0] >= 1 - 0.05).all()
    assert (m[b >= weight] <= 1 + 0.05).all()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("stage", "epochs"), [(np.inf, 3), (0.0, 7)])
def test_visits_beyond_a_gap_are_counted(threads: int, stage: float, epochs: int) -> None:
    _, rows = make("dense", np.float64)
    weight, b = np.full(N, 1 / N), np.zeros(N)
    state = (terms()[0], weight, np.zeros(N), b, np.full(N, -1.0))
    control = np.zeros(10)
    control[[0, 1, 3]] = N, 1.25, -np.inf
    limits = (-1.0, stage, 2.5 * N, 7.0, 100.0, 2.5, 0.0)
    kernel("rows_ascent", threads)(
        rows, np.arange(N, dtype=np.int32), np.empty(N, np.int32), state, np.zeros(D + 1),
        np.zeros((threads, 3, D + 1)), 20.0, 0.0, 4, 1, 5, limits, control,
    )  # fmt: skip
    assert control[4] == epochs
    assert control[5] == epochs * N


def test_ascent_of_several_threads_does_not_depend_on_timing() -> None:
    found = []
    for _ in range(3):
        _, rows = make("dense", np.float32)
        label = terms()[0].astype(np.float32)
        weight, b = np.full(N, 1 / N, np.float32), np.zeros(N, np.float32)
        state = (label, weight, np.zeros(N, np.float32), b, np.full(N, -1.0, np.float32))
        w, control = np.zeros(D + 1, np.float32), np.zeros(10)
        control[[0, 1, 3]] = N, 1.25, -np.inf
        order, tour = np.arange(N, dtype=np.int32), np.empty(N, np.int32)
        kernel("rows_ascent", 3)(
            rows, order, tour, state, w, np.zeros((3, 3, D + 1), np.float32),
            20.0, 0.0, 4, 1, 5, (0.0, 0.0, 0.0, 20.0, 2.0, 2.5, 0.0), control,
        )  # fmt: skip
        found.append(b.tobytes() + w.tobytes() + order.tobytes())
    assert found[0] == found[1] == found[2]


@over_all_layouts
@over_dtypes
@over_threads
@pytest.mark.parametrize("models", [1, 4, 6])
def test_slopes_of_several(layout: str, dtype: type, threads: int, models: int) -> None:
    X, rows = make(layout, dtype)
    label, weight = terms()
    rng = np.random.default_rng(6)
    steps, base = rng.normal(size=(models, D + 1)).astype(dtype), rng.normal(size=N)
    scores, slope = np.zeros((2, models, N))
    sums = np.zeros((models, D + 2))
    args = (rows, np.arange(0, N, LENGTH), LENGTH, steps, base, label, weight, int(Kind.PENALTY))
    kernel("rows_several", threads)(*args, np.empty(0, dtype), scores, slope, sums)
    for k in range(models):
        z = base + X @ steps[k, :-1] + steps[k, -1]
        expected = weight * (z - label)
        read = weight > 0
        np.testing.assert_allclose(scores[k][read], z[read], atol=20 * tolerance(dtype))
        np.testing.assert_allclose(slope[k], expected, atol=20 * tolerance(dtype))
        gradient = np.append(X.T @ expected, expected.sum())
        np.testing.assert_allclose(sums[k, :-1], gradient, atol=20 * tolerance(dtype))
        assert sums[k, -1] == pytest.approx(0.5 * (weight * (z - label) ** 2).sum(), rel=1e-5)


@over_threads
def test_a_hessian_is_completed_within_its_room(threads: int) -> None:
    above = np.random.default_rng(2).normal(size=(9, 9))
    gram = above.copy()
    kernel("gram_mirror", threads)(gram, 5, 8)
    wanted = above.copy()
    wanted[5:8, :5] = above[:5, 5:8].T
    assert np.array_equal(gram, wanted)


@over_threads
def test_a_corrected_hessian_maps_the_step_to_the_change(threads: int) -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(9, 7))
    gram = np.zeros((10, 10))
    gram[:7, :7] = root.T @ root
    step, change = rng.normal(size=(2, 7))
    step[[1, 4]] = 0.0
    change *= np.sign(step @ change)
    kernel("gram_learn", threads)(gram, step, change, float(step @ change))
    assert gram[:7, :7] @ step == pytest.approx(change)
    assert gram == pytest.approx(gram.T)
    assert not gram[7:].any()
