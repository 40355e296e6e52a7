"""Every kernel of a device but the epochs against the float64 reference, over shapes that bite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hetengine.device import Buffer
from hetengine.problems import Kind, term_gap
from hetengine.problems.matrix import SparseColumns
from hetengine.testing.bench import (
    SENTINEL,
    BenchSuite,
    EpochBench,
    L,
    close_to,
    over_kinds,
    over_layouts,
    over_reals,
    over_shapes,
    put_columns,
)
from hetengine.testing.lab import Lab
from hetengine.testing.reference import BOUND, by_column, leading, make_columns, make_terms
from hetengine.work import Work


class KernelSuite(BenchSuite):
    """Tests of the kernels an accelerator launches, in the precision it computes in."""

    @over_kinds
    @over_shapes
    @over_reals
    @over_layouts
    def test_gaps(self, bench: Lab, layout: str, real: str, n: int, d: int, kind: Kind) -> None:
        """Products and gaps of listed columns; others are left alone."""
        columns = make_columns(n, d, layout, self.dtype(real))
        terms = make_terms(kind, columns, L)
        w = np.random.default_rng(2).normal(size=d).astype(real)
        ids = np.flatnonzero(np.arange(n) % 4 != 1)
        u, gaps = (bench.put(np.full(n, SENTINEL, real)) for _ in range(2))
        given = [bench.put(each) for each in (ids, w, terms.alpha, terms.p, terms.q)]
        bench.call(
            f"{layout}_gaps", *put_columns(bench, columns), *given, int(kind), BOUND, u, gaps
        )
        exact = by_column(columns) @ w.astype(np.float64)
        expected = term_gap(kind, terms.alpha, exact, terms.p, terms.q, BOUND)
        close_to(bench.get(u)[ids], exact[ids], real)
        close_to(bench.get(gaps)[ids], expected[ids], real, 10)
        others = np.setdiff1d(np.arange(n), ids)
        assert (bench.get(u)[others] == SENTINEL).all()
        assert (bench.get(gaps)[others] == SENTINEL).all()

    @over_shapes
    @over_reals
    @over_layouts
    def test_combine_adds_the_weighted_columns(
        self, bench: Lab, layout: str, real: str, n: int, d: int
    ) -> None:
        """W += L A alpha over the listed columns."""
        columns = make_columns(n, d, layout, self.dtype(real))
        rng = np.random.default_rng(4)
        alpha = (rng.normal(size=n) * (rng.random(n) < 0.6)).astype(real)
        w = rng.normal(size=d).astype(real)
        given = [bench.put(np.flatnonzero(alpha)), bench.put(alpha)]
        target = bench.put(w)
        bench.call(f"{layout}_combine", *put_columns(bench, columns), *given, L, target)
        close_to(bench.get(target), w + L * columns.combine(alpha), real, 10)

    @over_shapes
    @over_reals
    @over_layouts
    def test_square_norms(self, bench: Lab, layout: str, real: str, n: int, d: int) -> None:
        """Squared norms of listed columns, 0 for empty ones."""
        columns = make_columns(n, d, layout, self.dtype(real))
        out = bench.put(np.full(n, SENTINEL, real))
        bench.call(
            f"{layout}_square_norms", *put_columns(bench, columns), bench.put(np.arange(n)), out
        )
        close_to(bench.get(out), columns.square_norms(), real)

    @over_reals
    @over_layouts
    def test_nothing_is_touched_without_ids(self, bench: Lab, layout: str, real: str) -> None:
        """Launches over no columns build kernels and change nothing."""
        columns = make_columns(5, 3, layout, self.dtype(real))
        terms = make_terms(Kind.HINGE, columns, L)
        state = EpochBench(bench, columns, terms, np.ones(3, real))
        none, short = bench.put(np.empty(0, np.int64)), bench.put(np.empty(0, np.int32))
        u, gaps, norms = (bench.put(np.ones(5, real)) for _ in range(3))
        names = ("w", "alpha", "p", "q")
        rest = tuple(state.buffers[name] for name in names)
        bench.call(f"{layout}_gaps", *state.columns, none, *rest, 2, 0.0, u, gaps)
        bench.call(f"{layout}_square_norms", *state.columns, none, norms)
        bench.call(f"{layout}_combine", *state.columns, none, rest[1], L, rest[0])
        assert state.epoch(Kind.HINGE, 1, order=short) == (0.0, 0)
        for buffer in (u, gaps, norms, rest[0]):
            assert (bench.get(buffer) == 1.0).all()
        np.testing.assert_array_equal(state.get("alpha"), terms.alpha)

    @over_shapes
    @over_reals
    def test_dense_columns_survive_a_shipment(self, bench: Lab, real: str, n: int, d: int) -> None:
        """Packed, in sections of one staging area, and unpacked into other slots."""
        columns = make_columns(n, d, "dense", self.dtype(real))
        ids = np.random.default_rng(5).permutation(n)[: max(1, n // 2)]
        slots = np.arange(n + 1, n + 1 - ids.size, -1).astype(np.int32)
        params = np.arange(4.0 * ids.size).astype(real)
        staging = _Staging(bench, {"slots": slots, "params": params})
        shipped = bench.device.alloc("shipped", ids.size * d, real)
        bench.call("dense_pack", *put_columns(bench, columns), bench.put(ids), shipped)
        arena = bench.put(np.zeros((n + 2, d), real))
        state = [bench.put(np.full(n + 2, -7, real)) for _ in range(4)]
        bench.call("dense_unpack", staging["slots"], staging["params"], shipped, arena, *state)
        (values,) = leading(columns)
        found = bench.get(arena)
        np.testing.assert_array_equal(found[slots], values[ids])
        told = np.array([bench.get(each) for each in state])
        np.testing.assert_array_equal(told[:, slots].T.reshape(-1), params)
        others = np.setdiff1d(np.arange(n + 2), slots)
        assert (found[others] == 0).all()
        assert (told[:, others] == -7).all()

    @over_shapes
    @over_reals
    def test_sparse_columns_survive_a_shipment_and_compaction(
        self, bench: Lab, real: str, n: int, d: int
    ) -> None:
        """Extents one element apart, in reverse order of slots, then moved over themselves."""
        columns = make_columns(n, d, "sparse", self.dtype(real))
        assert isinstance(columns, SparseColumns)
        ids = np.random.default_rng(5).permutation(n)
        lens = columns.lens[ids].astype(np.int64)
        starts, size = np.cumsum(lens + 1) - lens, int(lens.sum())
        slots = np.arange(n - 1, -1, -1).astype(np.int32)
        labels = {
            "slots": slots,
            "params": np.zeros(4 * n, real),
            "starts": starts,
            "lens": lens.astype(np.int32),
        }
        staging = _Staging(bench, labels)
        shipped = bench.device.alloc("shipped", size, real)
        indices = bench.device.alloc("indices", size, np.uint32)
        bench.call("sparse_pack", *put_columns(bench, columns), bench.put(ids), shipped, indices)
        kinds = ((size + n, real), (size + n, np.uint32), (n, np.int64), (n, np.int32))
        arena = [bench.device.alloc("arena", count, kind) for count, kind in kinds]
        state = [bench.device.alloc("state", n, real) for _ in range(4)]
        bench.call(
            "sparse_unpack", *(staging[key] for key in labels), shipped, indices, *arena, *state
        )
        _same_columns(columns, ids, slots, [bench.get(each) for each in arena])
        order = slots[np.argsort(starts, kind="stable")]
        bench.call("sparse_compact", *arena, bench.put(order))
        moved = [bench.get(each) for each in arena]
        _same_columns(columns, ids, slots, moved)
        ends = np.cumsum(moved[3][order], dtype=np.int64)
        np.testing.assert_array_equal(moved[2][order], ends - moved[3][order])

    def test_a_kernel_takes_as_long_as_the_device_says(self, bench: Lab) -> None:
        """More work takes more time, and no command ends before it began."""
        seconds = []
        for n in (4, 2000):
            columns = make_columns(n, 2000, "dense", np.float32)
            out, given = bench.put(np.zeros(n, np.float32)), put_columns(bench, columns)
            ids = bench.put(np.arange(n))
            kernel = bench.device.load("dense_square_norms")
            events = [bench.device.launch(kernel, (*given, ids, out), Work()) for _ in range(5)]
            bench.run(events[-1])
            assert all(event.seconds >= 0.0 for event in events)
            seconds.append(min(event.seconds for event in events))
        assert seconds[0] < seconds[1]


class _Staging:
    """Arrays in sections of one buffer, as a shipment arrives."""

    def __init__(self, lab: Lab, arrays: Mapping[str, np.ndarray]) -> None:
        pieces, self._places, at = [], {}, 0
        for name, array in arrays.items():
            room = -(-array.nbytes // 256) * 256
            self._places[name] = (at, array.size, array.dtype)
            pieces.append(np.pad(array.view(np.uint8), (0, room - array.nbytes)))
            at += room
        self._buffer = lab.put(np.concatenate(pieces))

    def __getitem__(self, name: str) -> Buffer:
        return self._buffer.section(*self._places[name])


def _same_columns(
    columns: SparseColumns, ids: np.ndarray, slots: np.ndarray, arena: list[np.ndarray]
) -> None:
    values, indices, starts, lens = arena
    for slot, i in zip(slots, ids, strict=True):
        here = slice(starts[slot], starts[slot] + lens[slot])
        there = slice(columns.starts[i], columns.starts[i] + columns.lens[i])
        np.testing.assert_array_equal(values[here], columns.values[there])
        np.testing.assert_array_equal(indices[here], columns.indices[there])
