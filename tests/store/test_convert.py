"""Every source gives the store that the same data in memory would, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from hetengine.__main__ import main
from hetengine.data.config import DataConfig
from hetengine.errors import DataError, UsageError
from hetengine.problems.matrix import columns_of
from hetengine.store.command import memory_bytes
from hetengine.store.store import open_store
from tests.store.stores import made, same_as_memory, write

SIDES = pytest.mark.parametrize("side", ["primal", "dual"])


@SIDES
@pytest.mark.parametrize(
    "config",
    [
        DataConfig("dense_correlated", rows=300, columns=17),
        DataConfig("dense_correlated", rows=40, columns=90, task="classification"),
        DataConfig("sparse_powerlaw", rows=200, columns=60, density=0.1, task="classification"),
        DataConfig("sparse_powerlaw", rows=50, columns=20, density=0.5),
    ],
    ids=lambda config: f"{config.name}-{config.columns}",
)
def test_generators_are_written_block_by_block(config, side: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hetengine.data.synthetic.BLOCK_ENTRIES", 500)
    same_as_memory(config, side, tmp_path / "store")


@SIDES
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_svmlight(first: int, pack, side: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["# a comment"]
    for row in range(60):
        chosen = np.flatnonzero(rng.random(25) < 0.2) + first
        if row == 50:
            chosen = np.append(np.array([first]), 24 + first)
        words = [f"{c}:{rng.standard_normal():.3f}" for c in chosen]
        lines.append(" ".join([f"{rng.choice([-1, 1])}", *words]))
    path = tmp_path / "data.svm"
    path.write_bytes(pack("\n".join(lines).encode()))
    same_as_memory(DataConfig("svmlight", path=str(path)), side, tmp_path / "store")


@SIDES
@pytest.mark.parametrize("target", [-1, 2])
def test_csv(target: int, side: str, tmp_path: Path) -> None:
    table = np.random.default_rng(2).standard_normal((40, 9)).round(3)
    path = tmp_path / "data.csv"
    np.savetxt(path, table, delimiter=",", header=",".join("abcdefghi"), comments="")
    config = DataConfig("csv", path=str(path), target_column=target)
    same_as_memory(config, side, tmp_path / "store")


@SIDES
@pytest.mark.parametrize("kind", ["npy", "npz", "csr"])
def test_numpy_files(kind: str, side: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((50, 12)), rng.standard_normal(50)
    path = tmp_path / f"data.{kind[:3].replace('csr', 'npz')}"
    if kind == "npy":
        np.save(path, np.column_stack([X, y]))
        config = DataConfig("npy", path=str(path))
    elif kind == "npz":
        np.savez_compressed(path, X=X, y=y)
        config = DataConfig("npz", path=str(path))
    else:
        sparse = scipy.sparse.csr_array(X * (rng.random(X.shape) < 0.3))
        np.savez(
            path,
            data=sparse.data,
            indices=sparse.indices,
            indptr=sparse.indptr,
            shape=np.array(X.shape),
            y=y,
        )
        config = DataConfig("npz", path=str(path))
    same_as_memory(config, side, tmp_path / "store")


@SIDES
@pytest.mark.parametrize("size", [(90, 23), (3, 70), (1, 1)])
def test_archives_of_columns_are_turned_over_on_disk(size, side: str, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    rng = np.random.default_rng(8)
    dense = rng.standard_normal(size) * (rng.random(size) < 0.4)
    dense[0, 0] = 1.0
    X = scipy.sparse.csc_array(dense)
    members = {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": X.shape}
    y = np.arange(size[0], dtype=float)
    np.savez(path, allow_pickle=False, **members, format=np.array("csc"), y=y)
    same_as_memory(DataConfig("npz", path=str(path)), side, tmp_path / "store")
    assert {each.name for each in tmp_path.iterdir()} == {"data.npz", "store"}


def test_weights_of_an_archive_travel_along(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    X, y, weights = rng.standard_normal((20, 3)), rng.standard_normal(20), rng.random(20) + 0.1
    np.savez(tmp_path / "data.npz", X=X, y=y, weights=weights)
    words = ["convert", "data=npz", f"data.path={tmp_path / 'data.npz'}", "--side", "dual"]
    assert main([*words, "--out", str(tmp_path / "store")]) == 0
    np.testing.assert_array_equal(open_store(tmp_path / "store").weights, weights)


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    rng = np.random.default_rng(5)
    table = rng.standard_normal((70, 5))
    columns = {f"c{k}": table[:, k] for k in range(5)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "data.parquet", row_group_size=11)
    config = DataConfig("parquet", path=str(tmp_path / "data.parquet"))
    store = made(config, "primal", tmp_path / "store")
    np.testing.assert_array_equal(store.y, table[:, 4])
    w = rng.standard_normal(70)
    found = columns_of(store, "primal", np.float32).dot(w)
    np.testing.assert_allclose(found, table[:, :4].astype(np.float32).T @ w, rtol=1e-5, atol=1e-5)


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path: Path) -> None:
    X = np.ones((20, 4), np.float32)
    X[13, 2] = np.nan
    with pytest.raises(DataError, match=r"X\[13, 2\] is nan"):
        write(X, np.zeros(20), tmp_path / "store", "primal")
    with pytest.raises(DataError, match="every entry of X is zero"):
        write(0.0 * np.ones((20, 4), np.float32), np.zeros(20), tmp_path / "store", "primal")
    with pytest.raises(DataError, match="3 labels for 20 rows"):
        write(np.ones((20, 4), np.float32), np.zeros(3), tmp_path / "store", "dual")
    assert list(tmp_path.iterdir()) == []


def test_a_place_is_taken_only_when_told(tmp_path: Path) -> None:
    X, y, out = np.ones((5, 2), np.float32), np.arange(5.0), tmp_path / "store"
    write(X, y, out, "dual")
    with pytest.raises(UsageError, match="say --force"):
        write(X, y, out, "primal")
    assert open_store(out).header.side == "dual"
    assert write(X, y, out, "primal", force=True).header.side == "primal"
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="is no column store"):
        write(X, y, tmp_path / "mine", "dual", force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"store", "mine"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=iris", "--side", "dual", "--out", "x"], "convert: data=iris; allowed: svmlight"),
        (["data=csv", "--side", "dual"], "--out is missing"),
        (["data=csv", "--out", "x"], "--side is missing"),
        (["tol=1", "--side", "dual", "--out", "x"], "tol=1 does nothing here"),
        (["--side", "both"], "invalid choice"),
        (["--verify", "nowhere"], "is no folder"),
    ],
)
def test_wrong_words_are_answered_in_one_line(
    words, message, capsys, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_sizes() -> None:
    assert memory_bytes("1.5 GB") == 1_500_000_000
    assert memory_bytes("64MiB") == 64 << 20
    for wrong in ("lots", "-3MB", "1KB"):
        with pytest.raises(UsageError, match="--memory"):
            memory_bytes(wrong)


_CONVERT = """
import resource, sys
from hetengine.__main__ import main
words = ["convert", "data=npy", "data.path=" + sys.argv[1], "--side", "primal", "--memory", "16MiB"]
first = [*words[:2], "data.path=" + sys.argv[2], *words[3:], "--out", sys.argv[4]]
assert main(first) == 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert main([*words, "--out", sys.argv[3]]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_bounded_whatever_the_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    large, small = tmp_path / "large.npy", tmp_path / "small.npy"
    np.save(large, rng.standard_normal((6000, 2500), dtype=np.float32))
    np.save(small, rng.standard_normal((30, 20), dtype=np.float32))
    assert large.stat().st_size > 3 * (16 << 20)
    paths = [str(large), str(small), str(tmp_path / "a"), str(tmp_path / "b")]
    done = subprocess.run(
        [sys.executable, "-c", _CONVERT, *paths],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ,
        timeout=120,
    )
    grown = int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 2 * (16 << 20)
    assert open_store(tmp_path / "a").nbytes > 3 * (16 << 20)
