"""The epochs of a device: sequential descent against the reference, and the optimum however run."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import Kind
from hetengine.testing.bench import (
    SEED,
    SENTINEL,
    SIGMA,
    TOLERANCE,
    BenchSuite,
    EpochBench,
    L,
    close_to,
    over_kinds,
    over_layouts,
    over_reals,
    over_shapes,
    small_problem,
)
from hetengine.testing.lab import Lab, opened_lab
from hetengine.testing.reference import Terms, make_columns, make_terms, plain_epoch, shuffled
from hetengine.topology import DeviceSpec

_EPOCHS = 60


class EpochSuite(BenchSuite):
    """Tests of the block solvers."""

    @over_kinds
    @over_shapes
    @over_reals
    @over_layouts
    def test_an_epoch_is_sequential_descent_in_the_seeded_order(
        self, bench: Lab, layout: str, real: str, n: int, d: int, kind: Kind
    ) -> None:
        """One coordinate after the other, as the NumPy backend does it for the same seed."""
        columns = make_columns(n, d, layout, self.dtype(real))
        terms = make_terms(kind, columns, L)
        w = np.random.default_rng(2).normal(size=d).astype(real)
        order = shuffled(np.arange(n, dtype=np.int32), SEED)
        expected = plain_epoch(kind, columns, terms, w, order, L, SIGMA)
        state = EpochBench(bench, columns, terms, w)
        met, moved = state.epoch(kind, SEED)
        close_to(state.get("alpha"), expected.alpha, real, 10)
        close_to(state.get("w"), expected.w, real, 10)
        close_to(state.get("gap"), expected.gaps, real, 10)
        assert met == pytest.approx(
            expected.met, rel=10 * TOLERANCE[real], abs=10 * TOLERANCE[real]
        )
        if real == "float64":
            assert moved == expected.moved

    @over_kinds
    @over_reals
    @over_layouts
    def test_epochs_reach_the_optimum_and_keep_w_in_step(
        self, spec: DeviceSpec, layout: str, real: str, kind: Kind
    ) -> None:
        """As configured, however many coordinates it works on at once."""
        columns = make_columns(120, 90, layout, self.dtype(real), seed=3)
        problem = small_problem(kind, columns)
        curvature = L * columns.square_norms()
        start = (problem.initial_alpha(), curvature, problem.p, problem.q)
        terms = Terms(*(each.astype(real) for each in start))
        with opened_lab(spec, self.open_device) as lab:
            state = EpochBench(lab, columns, terms, problem.w0.astype(real))
            first, moved = state.epoch(kind, 1, sigma=1.0)
            assert moved <= columns.nnz
            assert (state.get("gap") != SENTINEL).all()  # every slot was visited
            last = first
            for seed in range(2, _EPOCHS):
                last, _ = state.epoch(kind, seed, sigma=1.0)
            alpha, w = state.get("alpha").astype(np.float64), state.get("w")
        assert last <= 1e-4 * first
        drift = w - problem.shared_vector(alpha)
        assert np.abs(drift).max() <= 100 * TOLERANCE[real] * max(1.0, np.abs(w).max())
