"""The plan of an accelerator's memory, and the mirror of what lies where."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from hetengine.errors import OutOfCapacity
from hetengine.problems import Columns, ShapeColumns, columns_of
from hetengine.solvers.arena import ALIGNMENT, STAGING_AREAS, Arena, plan_arena, stay_within
from hetengine.solvers.residency import Residency
from hetengine_numpy.kernels import sparse as kernels

Draw = Callable[[st.SearchStrategy], int]


def footprint(arena: Arena, columns: Columns) -> int:
    """Bytes of everything an accelerator allocates, item by item."""
    real = arena.real_bytes
    total = STAGING_AREAS * arena.staging_bytes + columns.length * real
    total += arena.slots * (5 * real + 4) + arena.elements * real
    if arena.sparse:
        total += arena.elements * 4 + arena.slots * (8 + 4)
    return total


def ragged(lens: list[int], dtype: type) -> Columns:
    """Sparse columns of given lengths."""
    rows = max(1, *lens)
    starts = np.concatenate([[0], np.cumsum(lens)])
    indices = np.concatenate([np.arange(n) for n in lens])
    X = scipy.sparse.csr_array((np.ones(indices.size), indices, starts), shape=(len(lens), rows))
    return columns_of(X, "dual", dtype)


@st.composite
def matrices(draw) -> Columns:
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    n, d = draw(st.integers(1, 60)), draw(st.integers(1, 300))
    kind = draw(st.sampled_from(["dense", "sparse", "shape"]))
    if kind == "dense":
        return columns_of(np.ones((n, d)), "dual", dtype)
    if kind == "shape":
        return ShapeColumns(n, d, np.dtype(dtype), draw(st.sampled_from([1.0, 0.3, 0.01])))
    lens = draw(st.lists(st.integers(0, d), min_size=1, max_size=60))
    return ragged(lens, dtype)


@given(matrices(), st.integers(1, 400_000), st.booleans())
def test_a_plan_never_exceeds_the_capacity(columns: Columns, capacity: int, pin: bool) -> None:
    pinned = np.array([columns.count - 1] if pin else [], np.int64)
    try:
        arena = plan_arena("card", columns, capacity, pinned)
    except OutOfCapacity as error:
        need = int(str(error).split("at least ")[1].split(":")[0].replace(",", ""))
        assert need > capacity
        return
    assert footprint(arena, columns) <= capacity
    assert 1 <= arena.slots <= columns.count
    assert arena.elements <= columns.nnz or not arena.sparse
    # Any column fits beside the pinned one.
    lens = columns.column_nbytes() // (columns.dtype.itemsize + 4 * arena.sparse)  # type: ignore[union-attr]
    others = np.delete(lens, pinned)
    both = others.max(initial=0) + lens[pinned].sum()
    assert both <= arena.elements
    assert min(columns.count, 1 + pinned.size) <= arena.slots


@given(matrices())
def test_twice_the_needed_capacity_holds_everything(columns: Columns) -> None:
    whole = plan_arena("card", columns, None)
    assert whole.slots == columns.count
    assert whole.elements == columns.nnz
    arena = plan_arena("card", columns, 2 * footprint(whole, columns) + 4096)
    assert (arena.slots, arena.elements) == (columns.count, columns.nnz)


def test_the_refusal_says_what_would_do() -> None:
    columns = columns_of(np.ones((8, 1000)), "dual", np.float32)
    with pytest.raises(OutOfCapacity, match=r"^card: capacity of 5,000 bytes cannot") as caught:
        plan_arena("card", columns, 5000)
    message = str(caught.value)
    assert "\n" not in message
    need = int(message.split("at least ")[1].split(":")[0].replace(",", ""))
    assert "type topology=cpu, which has no limit, a larger memory_fraction, or" in message
    assert message.endswith(f"topology.devices.card.capacity_bytes={need}")
    assert plan_arena("card", columns, need).slots == 1
    with pytest.raises(OutOfCapacity):
        plan_arena("card", columns, need - 1)


@given(
    matrices(),
    st.integers(0, 50),
    st.integers(0, 5000),
)
def test_every_section_of_a_shipment_is_aligned(columns: Columns, count: int, elements: int):
    arena = plan_arena("card", columns, None)
    sections = arena.shipment_sections(count, elements)
    end = sections.pop("end")[0]
    assert arena.shipment_bytes(count, elements) == end
    widths = {"slots": 4, "lens": 4, "indices": 4, "starts": 8}
    free = 0
    for name, (offset, size) in sections.items():
        assert offset % ALIGNMENT == 0
        assert offset >= free
        free = offset + size * widths.get(name, arena.real_bytes)
    assert free <= end
    assert arena.staging_bytes % ALIGNMENT == 0


class Log:
    """What a device would hold: extents with recognisable contents, moved by the real kernel."""

    def __init__(self, arena: Arena) -> None:
        self.values = np.full(arena.elements, -1.0)
        self.indices = np.zeros(arena.elements, np.uint32)
        self.starts = np.zeros(arena.slots, np.int64)
        self.lens = np.zeros(arena.slots, np.int32)

    def write(self, slots: np.ndarray, ids: np.ndarray, residency: Residency) -> None:
        for slot, i in zip(slots, ids, strict=True):
            start, size = int(residency.starts[slot]), int(residency.lens[i])
            self.values[start : start + size] = 1000 * i + np.arange(size)
            self.starts[slot], self.lens[slot] = start, size

    def compact(self, order: np.ndarray) -> None:
        kernels.compact(self.values, self.indices, self.starts, self.lens, order)

    def check(self, residency: Residency) -> None:
        for slot in residency.slots:
            i, start = residency.coordinate_of[slot], self.starts[slot]
            size = int(residency.lens[i])
            assert residency.slot_of[i] == slot
            assert start == residency.starts[slot]
            assert self.lens[slot] == size
            contents = self.values[start : start + size]
            np.testing.assert_array_equal(contents, 1000 * i + np.arange(size))


@settings(max_examples=60)
@given(st.data())
def test_the_mirror_follows_a_real_arena(data: st.DataObject) -> None:
    lens = np.array(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=20)), np.int64)
    slots = data.draw(st.integers(1, lens.size))
    elements = data.draw(st.integers(int(lens.max()), int(lens.sum()) + 3))
    arena = Arena(True, slots, elements, 256, 8)
    residency, log = Residency(arena, lens), Log(arena)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    for _ in range(12):
        resident = np.flatnonzero(residency.mask)
        residency.evict(resident[rng.random(resident.size) < 0.5])
        wanted = rng.permutation(np.flatnonzero(~residency.mask))
        free = slots - residency.count, elements - residency.used_elements
        wanted = wanted[: stay_within(lens[wanted], *free)]
        if residency.needs_compaction(wanted):
            log.compact(residency.compact())
        taken = residency.admit(wanted)
        log.write(taken, wanted, residency)
        log.check(residency)
        assert residency.used_elements == lens[residency.mask].sum()
        assert residency.count == residency.mask.sum() == residency.slots.size


def test_dense_columns_take_free_slots_in_order() -> None:
    residency = Residency(Arena(False, 3, 12, 256, 4), np.full(6, 4))
    assert residency.admit(np.array([5, 0])).tolist() == [0, 1]
    residency.evict(np.array([5]))
    assert residency.admit(np.array([2, 3])).tolist() == [0, 2]
    assert residency.coordinate_of.tolist() == [2, 0, 3]
    assert not residency.needs_compaction(np.array([1]))
    with pytest.raises(ValueError, match="do not fit"):
        residency.admit(np.array([1]))


@given(
    st.lists(st.integers(0, 50), max_size=20).map(lambda lens: np.array(lens, np.int64)),
    st.integers(0, 12),
    st.integers(0, 300),
)
def test_stay_within_takes_the_longest_prefix(lens: np.ndarray, slots: int, elements: int) -> None:
    count = stay_within(lens, slots, elements)
    assert count <= slots
    assert lens[:count].sum() <= elements
    more = math.inf if count == lens.size else lens[: count + 1].sum()
    assert count == slots or more > elements
