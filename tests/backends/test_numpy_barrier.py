"""Threads that wait for one another inside kernels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hetengine_numpy.kernels.barrier import open_gate, pass_on, report, wait_for_all, watch

THREADS, ROUNDS = 3, 40


def test_nobody_leaves_a_barrier_before_all_have_come() -> None:
    counter = np.zeros(1, np.int64)
    written = np.zeros(THREADS, np.int64)

    def meet(t: int) -> bool:
        passed, complete = 0, True
        for k in range(ROUNDS):
            written[t] = k + 1
            passed = wait_for_all(counter, THREADS, passed)
            complete &= bool((written == k + 1).all())
            passed = wait_for_all(counter, THREADS, passed)
        return complete and passed == 2 * ROUNDS

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(meet, range(THREADS)))
    assert counter[0] == THREADS * 2 * ROUNDS


def test_one_thread_does_not_wait() -> None:
    counter = np.zeros(1, np.int64)
    assert wait_for_all(counter, 1, 4) == 5
    assert counter[0] == 0


def test_only_the_first_part_opens_the_gate() -> None:
    gate = np.array([6], np.int64)
    open_gate(gate, 1)
    assert not watch(gate, 0, 7, 10)
    open_gate(gate, 0)
    assert watch(gate, 0, 7, 10)


def test_a_watch_ends_when_the_last_has_reported() -> None:
    done = np.zeros(3, np.int64)
    gate = np.array([5], np.int64)
    assert not report(done, 1, 5, gate, 10)
    assert not watch(done, 1, 5, 10)
    assert not report(done, 2, 5, gate, 10)
    assert watch(done, 1, 5, 10)
    pass_on(gate, 10)
    assert report(done, 2, 5, gate, 10)
