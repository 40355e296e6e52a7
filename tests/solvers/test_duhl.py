"""The solver as a whole: guard, several accelerators, what execution and simulation share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hetengine.errors import OutOfCapacity, UsageError
from hetengine.problems import CoordinateProblem, ProblemConfig, make_problem
from hetengine_numpy import NumpyBackend
from tests.solvers.harness import Run, build, capacity_for, make_data, solve, topology

CASES = [
    ("lasso", False, {}),
    ("lasso", True, {"intercept": True}),
    ("elastic_net", True, {}),
    ("ridge", False, {"side": "primal"}),
    ("ridge", True, {"side": "dual"}),
    ("svm", True, {}),
    ("squared_hinge", False, {"intercept": True}),
    ("logistic", True, {}),
]
over_cases = pytest.mark.parametrize(("name", "sparse", "options"), CASES)


def limited(problem: CoordinateProblem, share: float = 0.4, accelerators: int = 1, threads=1):
    return topology(accelerators, capacity_for(problem, share), threads)


def same(a: Run, b: Run) -> None:
    np.testing.assert_array_equal(a.outcome.alpha, b.outcome.alpha)
    np.testing.assert_array_equal(a.outcome.w, b.outcome.w)
    assert a.rows() == b.rows()
    assert (a.outcome.status, a.outcome.rounds) == (b.outcome.status, b.outcome.rounds)


@over_cases
@pytest.mark.parametrize("threads", [1, 2])
def test_execution_and_simulation_agree_bit_by_bit(name, sparse, options, threads: int) -> None:
    problem = build(name, sparse, dtype=np.float32, **options)
    machine = limited(problem, threads=threads)
    runs = [
        solve(problem, mode, machine, tol=1e-5, refresh="0.2") for mode in ("execute", "simulate")
    ]
    assert runs[0].outcome.status == "converged"
    assert runs[0].outcome.rounds > 2
    same(*runs)


@over_cases
@pytest.mark.parametrize("accelerators", [2, 3])
def test_several_accelerators_converge(name, sparse, options, accelerators: int) -> None:
    problem = build(name, sparse, **options)
    machine = limited(problem, 0.3, accelerators)
    alone = solve(problem, "simulate", limited(problem, 0.3), refresh="0.2")
    modes, tol = ("execute", "simulate"), 1e-3
    runs = [solve(problem, mode, machine, tol, refresh="0.2") for mode in modes]
    same(*runs)
    assert runs[0].outcome.status == "converged"
    reached, expected = runs[0].outcome.certificate, alone.outcome.certificate
    assert reached.objective == pytest.approx(expected.objective, rel=2 * tol)
    owners = [worker.resident for worker in runs[0].solver.workers]
    assert not np.logical_and.reduce(owners).any()
    assert not any("taken back" in message for message in runs[0].recorder.messages)


@pytest.mark.parametrize("selection", ["gap", "sequential", "random", "importance"])
@pytest.mark.parametrize("sparse", [False, True])
def test_no_device_ever_holds_more_than_its_capacity(selection: str, sparse: bool) -> None:
    problem = build("squared_hinge", sparse)
    machine = limited(problem, 0.25)
    run = solve(problem, "execute", machine, tol=1e-5, selection=selection)
    assert run.outcome.status == "converged"
    (card,) = run.machine.accelerators
    capacity = machine.devices["card0"].capacity_bytes
    assert card.memory.capacity_bytes == capacity
    assert capacity is not None
    assert 0 < card.memory.peak_bytes <= capacity
    assert max(row.resident_columns for row in run.recorder.rows) < problem.count


def test_rounds_repeat_with_the_seed_and_differ_without() -> None:
    problem = build("svm", True)
    runs = [solve(problem, "simulate", limited(problem), seed=seed) for seed in (1, 1, 2)]
    same(runs[0], runs[1])
    assert not np.array_equal(runs[0].outcome.alpha, runs[2].outcome.alpha)


def test_without_everything_resident_all_is_refused() -> None:
    problem = build("svm")
    with pytest.raises(UsageError, match="selection=all needs"):
        solve(problem, "execute", limited(problem), selection="all")


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_a_memory_too_small_is_refused_before_anything_runs(mode: str) -> None:
    with pytest.raises(OutOfCapacity, match=r"^card0: capacity of 300 bytes"):
        solve(build("svm"), mode, topology(1, 300))


def test_an_intercept_leaves_room_for_another_column() -> None:
    problem = build("lasso", intercept=True)
    alone = capacity_for(build("lasso"), 1e-9)
    with pytest.raises(OutOfCapacity):
        solve(problem, "simulate", topology(1, alone))
    tight = capacity_for(problem, 1e-9)
    assert solve(problem, "simulate", topology(1, tight), tol=1e-5).outcome.status == "converged"


def spoil(
    monkeypatch: pytest.MonkeyPatch, when: Callable[[int], bool], factor: float = 30.0
) -> list[int]:
    """Make some passes over resident columns overshoot; returns the passes counted so far."""
    calls = [0]
    serial = NumpyBackend.implementations

    def implementations(self: NumpyBackend, threads: int = 1) -> dict[str, Any]:
        table = dict(serial(self, threads))
        epoch = table["dense_epoch"]

        def spoiled(values, order, alpha, *rest):
            w = rest[4]
            before = alpha.copy(), w.copy()
            result = epoch(values, order, alpha, *rest)
            calls[0] += bool(order.size)
            if order.size and when(calls[0]):
                for after, then in zip((alpha, w), before, strict=True):
                    after += factor * (after - then)
            return result

        return table | {"dense_epoch": spoiled}

    monkeypatch.setattr(NumpyBackend, "implementations", implementations)
    return calls


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_a_round_that_raises_the_objective_is_taken_back_and_damped(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = build("ridge", lam=0.5, side="primal")
    expected = solve(problem, mode, limited(problem))
    calls = spoil(monkeypatch, lambda call: call == 3)
    run = solve(problem, mode, limited(problem), inner_epochs=1)
    assert calls[0] > 3
    (message,) = run.recorder.messages
    assert "objective rose from" in message
    assert "round taken back, steps damped by 2" in message
    assert run.solver.state.damping == 2.0
    assert run.outcome.status == "converged"
    assert run.outcome.certificate.objective == pytest.approx(
        expected.outcome.certificate.objective, rel=2e-8
    )
    objectives = [row.objective for row in run.recorder.rows]
    assert np.diff(objectives).max() <= 1e-12


def test_a_machine_that_never_descends_ends_as_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = build("ridge", lam=0.5, side="primal")
    spoil(monkeypatch, lambda call: call > 4, 1e5)
    run = solve(problem, "execute", limited(problem), inner_epochs=1)
    assert run.outcome.status == "diverged"
    assert len(run.recorder.messages) == 9
    # What is returned is the last state that was good, certified.
    certificate = run.outcome.certificate
    assert certificate.objective < problem.objective(problem.initial_alpha(), problem.w0)
    exact = problem.shared_vector(run.outcome.alpha)
    np.testing.assert_allclose(run.outcome.w, exact, atol=1e-12)


def test_damping_overcomes_steps_that_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = build("ridge", lam=0.5, side="primal")
    spoil(monkeypatch, lambda call: call > 4)
    run = solve(problem, "execute", limited(problem), inner_epochs=1)
    assert run.outcome.status == "converged"
    assert 1 < len(run.recorder.messages) < 9


def test_stops_are_certified_and_named() -> None:
    problem = build("logistic")
    few = solve(problem, "simulate", limited(problem), tol=1e-15, max_rounds=3)
    assert (few.outcome.status, few.outcome.rounds) == ("max_rounds", 3)
    assert few.recorder.rows[-1].round == 3
    assert few.recorder.rows[-1].gap == few.outcome.certificate.gap
    short = solve(problem, "simulate", limited(problem), tol=1e-15, max_seconds=0.01)
    assert short.outcome.status == "max_seconds"
    assert short.recorder.rows[-2].seconds < 0.02


@pytest.mark.parametrize("selection", ["gap", "host"])
def test_a_start_that_is_optimal_needs_no_round(selection: str) -> None:
    problem = build("lasso", lam=1e3)
    run = solve(problem, "execute", selection=selection)
    assert (run.outcome.status, run.outcome.rounds) == ("converged", 0)
    assert not run.outcome.alpha.any()


@over_cases
def test_refreshes_follow_the_quota(name, sparse, options) -> None:
    problem = build(name, sparse, **options)
    run = solve(problem, "simulate", limited(problem), refresh="0.1", certify_ratio=1e9, tol=1e-4)
    for row, before in zip(run.recorder.rows[1:-1], run.recorder.rows[:-2], strict=True):
        quota = max(1, round(0.1 * problem.count)) / problem.count
        assert row.refreshed_fraction <= (row.round - before.round) * quota + 1e-12


@pytest.mark.parametrize(("selection", "together"), [("gap", True), ("random", False)])
def test_a_shipment_says_whether_its_columns_are_neighbours(selection: str, together: bool) -> None:
    """At first all gaps are alike, and columns come as they lie."""
    X, y = make_data("svm", False, 2000, 20)
    problem = make_problem(ProblemConfig("svm", lam=0.05), X, y, None, np.dtype(np.float64))
    run = solve(problem, "simulate", limited(problem, 0.9), max_rounds=1, selection=selection)
    packs = [span.work for span in run.recorder.spans if span.label == "dense_pack"]
    first = next(work for work in packs if work.items > 2)
    assert (first.reach < 2.0 * first.bytes_read) == together
