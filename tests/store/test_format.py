"""What is written comes back, whatever its shape; what is damaged is refused by name and place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetengine.errors import DataError, UsageError
from hetengine.problems.matrix import columns_of
from hetengine.store import blocks, plan, writer
from hetengine.store.blocks import BlockTable
from hetengine.store.header import VALUES
from hetengine.store.plan import ALIGNMENT, area_bytes, plan_reads
from hetengine.store.store import Store, open_store
from hetengine.store.verify import verify
from tests.store.stores import quiet, write


def matrix(rows: int, columns: int, density: float, seed: int):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns)).astype(np.float32)
    X *= rng.random(X.shape) < density
    X[0, 0] = 1.0
    return X, rng.standard_normal(rows)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BLOCK_BYTES", 256)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 256)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 30),
    sparse=st.booleans(),
    side=st.sampled_from(["primal", "dual"]),
    intercept=st.booleans(),
    weighted=st.booleans(),
    step=st.integers(1, 50),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_a_store_holds_what_memory_would(
    tmp_path_factory,
    small_blocks,
    rows,
    columns,
    sparse,
    side,
    intercept,
    weighted,
    step,
    dtype,
    seed,
) -> None:
    X, y = matrix(rows, columns, 0.4 if sparse else 1.0, seed)
    data = scipy.sparse.csr_array(X) if sparse else X
    weights = np.random.default_rng(seed).random(rows) + 0.1 if weighted else None
    kind = np.dtype(dtype)
    store = write(
        data,
        y,
        tmp_path_factory.mktemp("s") / "store",
        side,
        step,
        intercept=intercept,
        weights=weights,
        dtype=kind,
    )
    scale = np.ones(rows) if weights is None else weights / weights.mean()
    root = np.sqrt(scale) if weighted and side == "primal" else None
    unit = np.ones(rows) if root is None else root
    expected = columns_of(
        data.astype(kind), side, kind, append=unit if intercept else None, row_scale=root
    )
    found = columns_of(store, side, kind, append=unit if intercept else None, row_scale=root)
    assert (found.count, found.length, found.nnz) == (expected.count, expected.length, expected.nnz)
    assert found.layout == expected.layout
    rng = np.random.default_rng(seed + 1)
    w, alpha = rng.standard_normal(found.length), rng.standard_normal(found.count)
    np.testing.assert_allclose(found.dot(w), expected.dot(w), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.combine(alpha), expected.combine(alpha), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.square_norms(), expected.square_norms(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.column_nbytes(), expected.column_nbytes())
    product = X.astype(np.float64).T @ (scale * (2.0 * y - 0.3))
    np.testing.assert_allclose(
        store.transposed_product(scale * (2.0 * y - 0.3)), product, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(store.y, y)


@settings(max_examples=40)
@given(
    lens=st.lists(st.integers(0, 3000), min_size=1, max_size=60),
    chosen=st.sets(st.integers(0, 59)),
    per_block=st.integers(1, 9),
    sparse=st.booleans(),
    known=st.booleans(),
)
def test_a_plan_reads_what_is_wanted_aligned_and_within_the_area(
    lens, chosen, per_block, sparse, known
) -> None:
    count = len(lens)
    table = BlockTable(
        count=count,
        length=max(lens[0], 1),
        widths=(4, 4) if sparse else (4,),
        lens=np.array(lens, np.int32) if sparse else None,
        starts=np.append(0, np.cumsum(lens)).astype(np.int64) if sparse else None,
        firsts=np.append(np.arange(0, count, per_block), count).astype(np.int64),
        checksums=np.zeros((-(-count // per_block), 2), np.uint32),
    )
    wanted = np.array(sorted(c for c in chosen if c < count), np.int64)
    verified = np.full(table.blocks, known)
    before = verified.copy()
    area = area_bytes(table)
    pieces = list(plan_reads(table, wanted, verified, area))
    read = np.concatenate([piece.columns for piece in pieces]) if pieces else np.empty(0, int)
    assert np.isin(wanted, read).all()
    assert (np.diff(read) > 0).all()
    for piece in pieces:
        assert piece.nbytes <= area
        for extent in piece.extents:
            assert extent.offset % ALIGNMENT == extent.nbytes % ALIGNMENT == 0
            assert extent.place % ALIGNMENT == 0
        for (first, last), places in zip(piece.runs, piece.places, strict=True):
            for stream, place in enumerate(places):
                offset, nbytes = table.span(stream, first, last)
                home = next(
                    e
                    for e in piece.extents
                    if e.stream == stream
                    and e.place <= place <= e.place + e.nbytes
                    and e.offset <= offset <= e.offset + e.nbytes
                )
                assert offset + nbytes <= home.offset + home.nbytes
                assert place - home.place == offset - home.offset
    touched = np.unique(table.block_of(wanted)) if wanted.size else wanted
    assert verified[touched].all()
    checked = {check.block for piece in pieces for check in piece.checks}
    assert checked == set(touched[~before[touched]].tolist())


def test_neighbours_are_read_in_one_request_and_far_ones_apart() -> None:
    length = plan.HOLE_BYTES  # one column is four times as long as a hole that is worth reading
    table = BlockTable(
        20, length, (4,), None, None, np.arange(0, 21, 5), np.zeros((4, 1), np.uint32)
    )
    (piece,) = plan_reads(table, np.array([2, 3, 9]), np.ones(4, bool), 1 << 24)
    assert piece.runs == ((2, 4), (9, 10))
    assert not piece.checks


@pytest.fixture
def store(tmp_path: Path, small_blocks) -> Store:
    X, y = matrix(30, 20, 1.0, 0)
    return write(X, y, tmp_path / "store", "primal")


def test_a_damaged_block_is_named_with_its_offset(store: Store) -> None:
    path = store.path / VALUES
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))
    message = rf"{VALUES}: block \d+ at offset [\d,]+ \([\d,]+ bytes\) is damaged"
    with pytest.raises(DataError, match=message) as caught:
        verify(store.path, quiet)
    offset = int(str(caught.value).split("offset ")[1].split(" ")[0].replace(",", ""))
    assert offset <= 1000 < offset + 256
    # The first read of any column of that block finds it as well.
    with pytest.raises(DataError, match=message):
        open_store(store.path).all_columns().combine(np.ones(20))


def test_a_short_store_is_refused_before_anything_is_read(store: Store) -> None:
    path = store.path / VALUES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"{VALUES}: [\d,]+ bytes where the header says"):
        open_store(store.path)


@pytest.mark.parametrize("name", ["labels.npy", "square_norms.npy", "blocks.npy"])
def test_small_files_are_checked_too(store: Store, name: str) -> None:
    path = store.path / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=f"{name}: damaged"):
        open_store(store.path)
    path.unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        open_store(store.path)


def test_another_version_and_a_forged_header_are_refused(store: Store, tmp_path: Path) -> None:
    path = store.path / "header.json"
    text = path.read_text()
    body = json.loads(text)
    path.write_text(json.dumps({**body, "version": 99}))
    with pytest.raises(DataError, match="version 99; allowed: version 1"):
        open_store(store.path)
    path.write_text(json.dumps({**body, "rows": 31}))
    with pytest.raises(DataError, match="checksum does not fit"):
        open_store(store.path)
    path.write_text(text[:40])
    with pytest.raises(DataError, match="not the header of a column store"):
        open_store(store.path)
    with pytest.raises(DataError, match="is no folder"):
        open_store(tmp_path / "nowhere")


def test_a_store_says_for_which_problem_it_was_written(store: Store) -> None:
    with pytest.raises(UsageError, match="--side dual"):
        columns_of(store, "dual", np.float32)
    with pytest.raises(UsageError, match="precision=float32"):
        columns_of(store, "primal", np.float64)
    with pytest.raises(UsageError, match=r"problem\.intercept=false"):
        columns_of(store, "primal", np.float32, append=np.ones(30))
    with pytest.raises(UsageError, match="weights of a primal store"):
        columns_of(store, "primal", np.float32, row_scale=np.ones(30))


def test_without_direct_reads_the_page_cache_is_used_and_said_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "O_DIRECT" in store.files.manner
    expected = store.all_columns().dot(np.arange(30.0))
    monkeypatch.setattr("hetengine.store.file._DIRECT", 0)
    plain = open_store(store.path)
    assert "no O_DIRECT here" in plain.files.manner
    np.testing.assert_array_equal(plain.all_columns().dot(np.arange(30.0)), expected)
