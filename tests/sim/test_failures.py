"""Whole runs on machines that do not stay as they were: stragglers, failures, returns."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from hetengine.errors import DeviceFailure
from hetengine.incidents import Incident
from hetengine.solvers.duhl import Duhl
from hetengine_numpy import NumpyBackend
from tests.solvers.harness import Run, build, capacity_for, solve, topology

TOL = 1e-6


def train(
    accelerators: int,
    events: dict[str, list[Incident]] | None = None,
    mode: str = "simulate",
    sparse: bool = False,
    selection: str = "gap",
) -> Run:
    problem = build("ridge", sparse, side="dual")
    machine = topology(accelerators, capacity_for(problem, 0.4))
    for name, incidents in (events or {}).items():
        machine.devices[name].events = incidents
    return solve(problem, mode, machine, tol=TOL, refresh="0.2", watch=begin, selection=selection)


def begin(solver: Duhl) -> None:
    for worker in solver.workers:
        start = getattr(worker.device, "start", None)
        if start is not None:
            start()


def agree(run: Run, other: Run) -> None:
    assert run.outcome.status == other.outcome.status == "converged"
    ours, theirs = run.outcome.certificate, other.outcome.certificate
    assert ours.objective == pytest.approx(theirs.objective, rel=2 * TOL)


def middle(run: Run, part: float = 0.4) -> float:
    return part * run.recorder.rows[-1].seconds


@pytest.mark.parametrize(
    ("accelerators", "selection", "sparse"),
    [
        (1, "gap", False),
        (2, "gap", True),
        (3, "gap", False),
        (2, "sequential", False),
        (2, "random", True),
    ],
)
def test_a_device_fails_and_returns(accelerators: int, selection: str, sparse: bool) -> None:
    whole = train(accelerators, sparse=sparse, selection=selection)
    seconds = middle(whole)
    events = {"card0": [Incident("fail", seconds, 1.2 * seconds)]}
    run = train(accelerators, events, sparse=sparse, selection=selection)
    agree(run, whole)
    lost, back = [m for m in run.recorder.messages if "card0" in m][:2]
    assert "card0: failed at" in lost
    assert f"going on with {'host' if accelerators == 1 else 'card1'}" in lost
    assert back.endswith("card0 is back, with an empty memory")
    assert run.solver.workers[0].device.name == "card0"
    residents = [worker.resident for worker in run.solver.workers]
    assert np.sum(residents, axis=0).max() == 1


@pytest.mark.parametrize("accelerators", [1, 2])
def test_a_device_fails_for_good(accelerators: int) -> None:
    whole = train(accelerators)
    run = train(accelerators, {"card0": [Incident("fail", middle(whole))]})
    agree(run, whole)
    (message,) = run.recorder.messages
    assert "card0: failed at" in message
    names = [worker.device.name for worker in run.solver.workers]
    assert names == (["host"] if accelerators == 1 else ["card1"])


def test_all_fail_one_after_the_other_and_the_host_ends_the_run() -> None:
    whole = train(3)
    events = {f"card{k}": [Incident("fail", middle(whole, 0.2 * (k + 1)))] for k in range(3)}
    run = train(3, events)
    agree(run, whole)
    assert len(run.recorder.messages) == 3
    assert [worker.device.name for worker in run.solver.workers] == ["host"]


def test_a_straggler_slows_the_run_down_and_changes_no_number() -> None:
    whole = train(2)
    slow = train(2, {"card1": [Incident("slow", 0.0, factor=4.0)]})
    np.testing.assert_array_equal(slow.outcome.alpha, whole.outcome.alpha)
    assert slow.recorder.rows[-1].seconds > 1.2 * whole.recorder.rows[-1].seconds


def test_the_same_failure_gives_the_same_run() -> None:
    events = {"card0": [Incident("fail", middle(train(2)), 2.0)]}
    first, second = train(2, events), train(2, events)
    assert first.recorder.spans == second.recorder.spans
    np.testing.assert_array_equal(first.outcome.alpha, second.outcome.alpha)


def break_kernel(
    monkeypatch: pytest.MonkeyPatch, kernel: str, broken: Callable[[int], bool]
) -> None:
    """Let calls of a kernel raise, by number."""
    original = NumpyBackend.implementations
    calls, lock = [0], threading.Lock()

    def implementations(self: NumpyBackend, threads: int = 1):
        table = dict(original(self, threads))

        def raising(*args):
            with lock:
                calls[0] += 1
                number = calls[0]
            if broken(number):
                raise RuntimeError(f"call {number}")
            return table[kernel](*args)

        return table | {kernel: raising}

    monkeypatch.setattr(NumpyBackend, "implementations", implementations)


@pytest.mark.parametrize("kernel", ["dense_epoch", "dense_unpack"])
def test_a_real_device_that_raises_and_a_simulated_one_end_alike(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(1)
    runs = []
    for mode in ("execute", "simulate"):
        with monkeypatch.context() as patch:
            break_kernel(patch, kernel, lambda call: call in (4, 5))
            runs.append(train(1, mode=mode))
    for run in runs:
        agree(run, expected)
        messages = "\n".join(run.recorder.messages)
        assert f"card0: {kernel} failed: RuntimeError: call 4" in messages
        assert "card0 is back" in messages
    np.testing.assert_array_equal(runs[0].outcome.alpha, runs[1].outcome.alpha)
    assert runs[0].recorder.messages == runs[1].recorder.messages


def test_two_real_devices_one_of_which_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = train(2)
    break_kernel(monkeypatch, "dense_epoch", lambda call: call in (9, 10, 11))
    run = train(2, mode="execute")
    agree(run, expected)
    assert any("failed: RuntimeError" in message for message in run.recorder.messages)


def test_a_host_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    break_kernel(monkeypatch, "dense_gaps", lambda call: call == 12)
    with pytest.raises(DeviceFailure, match="host: dense_gaps failed"):
        train(2, mode="execute")


def test_what_fails_before_the_run_begins_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    break_kernel(monkeypatch, "dense_epoch", lambda call: call == 1)
    with pytest.raises(DeviceFailure, match="card0: dense_epoch failed"):
        train(1)
