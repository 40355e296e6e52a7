"""The comparison with other trainers: its objective, data, search and tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from benchmarks.peers import data, parts, report, scaling
from benchmarks.peers.contestant import ContestantFailed, find_interpreters, own_interpreter
from benchmarks.peers.problems import PROBLEMS, Problem, load
from benchmarks.peers.search import TOLERANCES, Search
from benchmarks.peers.solvers import ENTRIES
from benchmarks.peers.solvers.entry import Entry, counts, tolerances


def small(kind: str, sparse: bool = False) -> Problem:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 12)).astype(np.float32)
    y = np.where(X[:, 0] + rng.standard_normal(300) > 0, 1, -1).astype(np.float32)
    return Problem("small", kind, scipy.sparse.csr_matrix(X) if sparse else X, y, 0.02)


@pytest.mark.parametrize("kind", ["lasso", "ridge", "svm", "logistic"])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_harness_and_the_project_mean_the_same_objective(kind: str, sparse: bool) -> None:
    import hetengine

    problem = small(kind, sparse)
    result = hetengine.fit(problem.X.astype(np.float64), problem.y, kind, lam=problem.lam, tol=1e-9)
    assert problem.objective(result.w) == pytest.approx(result.objective, rel=1e-9)


# A peer's last knob may be beyond what float32 allows; that it says so is no fault of the harness.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["scikit-learn Lasso", "scikit-learn LinearSVC"])
def test_peers_solve_the_same_problem(name: str) -> None:
    entry = ENTRIES[name]
    (kind,) = entry.kinds
    problem, own = small(kind), ENTRIES["hetengine"]
    best = problem.objective(own.prepare(problem, 1)(1e-6))
    found = problem.objective(entry.prepare(problem, 1)(entry.ladder[-1]))
    assert found == pytest.approx(best, rel=1e-4)


def test_ladders_go_from_coarse_to_exact() -> None:
    assert tolerances(1.0, 1e-2, 1) == pytest.approx((1.0, 0.1, 0.01))
    assert counts(5) == (1, 2, 3, 4, 6)


def test_the_search_finds_the_cheapest_count() -> None:
    entry = Entry("x", "x", "x", (), "float32", counts(1000), lambda *_: np.zeros_like, whole=True)
    search = Search(entry, lambda knob: (1e-3 * knob, 0.8**knob), 10.0, 100.0)
    found = search.run()
    for tol in TOLERANCES:
        needed = np.ceil(np.log(tol) / np.log(0.8))
        assert needed <= found[tol] <= 1.13 * needed + 1


def test_a_solver_that_stops_improving_is_left() -> None:
    entry = Entry("x", "x", "x", (), "float32", counts(10**6), lambda *_: np.zeros_like)
    search = Search(entry, lambda knob: (1.0, max(5e-3, 1 / knob)), 10.0, 1e9)
    assert set(search.run()) == {1e-2}
    assert len(search.seen) < 40


def test_distinct_columns_per_row() -> None:
    rng = np.random.default_rng(0)
    drawn = data._distinct(rng, np.cumsum(np.full(40, 1 / 40)), 50, 20)
    assert all(len(set(row)) == 20 for row in drawn)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    problem = small("lasso")
    data._write(tmp_path / PROBLEMS["P1a"].data, problem.X, problem.y)
    back = load("P1a", tmp_path)
    assert np.array_equal(back.X, problem.X)
    steepest = np.abs(problem.X.astype(float).T @ problem.y).max() / 300
    assert back.lam == pytest.approx(0.1 * steepest)


def test_times_are_medians_of_knobs_that_always_arrive() -> None:
    points = {
        1.0: [(1.0, 5e-3), (3.0, 5e-3), (2.0, 5e-3)],
        2.0: [(4.0, 5e-5), (4.0, 5e-5), (9.0, 2e-4)],
    }
    assert parts.times(points) == {"0.01": 2.0, "0.001": 4.0}


def test_the_report_compares_with_the_best_of_as_many_threads(tmp_path: Path) -> None:
    about = {"version": "1", "dtype": "float32", "compile_seconds": 0.0}
    for threads, own, peer in ((1, 0.2, 0.3), (2, 0.1, 0.4)):
        rows = {
            name: {**about, "times": {"0.0001": seconds}}
            for name, seconds in (("hetengine", own), ("peer", peer))
        }
        part = {
            "problem": "P2", "threads": threads, "rounds": 3, "rows": rows, "lowest": 0.0,
            "date": "2026-01-01",
        }  # fmt: skip
        (tmp_path / f"part.P2.{threads}.json").write_text(json.dumps(part))
    found = report.read(tmp_path)
    assert report.best_peer(found, found[1], "0.0001") == ("peer", 0.3)
    text = report.text(found)
    assert "| P2 | 1 | 1e-04 | 200 | 300 | peer | 1.50 |" in text
    assert "| P2 | 2.00 | - |" in text


def test_interpreters_are_asked_what_they_have() -> None:
    missing = Entry("m", "no_such_module", "no-such", (), "float32", (1.0,), lambda *_: np.sum)
    found = find_interpreters([ENTRIES["hetengine"], missing], [own_interpreter()])
    assert found == {"hetengine": own_interpreter()}


def test_a_worker_that_dies_says_why(tmp_path: Path) -> None:
    from benchmarks.peers.contestant import Contestant

    contestant = Contestant(own_interpreter(), "P1a", "hetengine", 1, tmp_path)
    with pytest.raises(ContestantFailed, match="y\\.npy"):
        contestant.begin(60.0)


def test_scaling_is_told_beside_what_memory_allows() -> None:
    seen = scaling.Scaling(
        "P1a", {1: {"0.0001": 0.3, "1e-06": 0.5}, 2: {"0.0001": 0.2}},
        {1: [20.0, 25.0, 21.0], 2: [30.0, 31.5, 90.0]}, 3,
    )  # fmt: skip
    assert seen.row() == "| P1a | 3 | 300 | 200 | 1.50 | 500 | - | - | 21.0 | 31.5 | 1.50 |"
    assert seen.row() in scaling.text([seen])


def test_memory_is_read_by_as_many_threads_as_said() -> None:
    assert scaling.Reading(4_000_000).gigabytes_per_second(2) > 0
