"""Threads of one team: who does what, where, and what becomes of a failure."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from hetengine_numpy.kernels.hessian import mirror
from hetengine_numpy.team import Team


@pytest.mark.parametrize("bound", [False, True])
def test_every_part_is_called_once_by_a_thread_of_its_own(bound: bool) -> None:
    team = Team(3, bound=bound)
    for pause in (0.0, 0.01):  # after a pause the others sleep
        time.sleep(pause)
        assert team.call(lambda part: part * 10, 3) == [0, 10, 20]
    barrier = threading.Barrier(3)
    assert sorted(team.call(lambda _: barrier.wait(10), 3)) == [0, 1, 2]


def test_fewer_parts_than_threads() -> None:
    team = Team(3)
    assert team.call(lambda part: part, 2) == [0, 1]
    assert team.call(lambda _: threading.current_thread(), 1) == [threading.current_thread()]


def test_bounds_are_even_and_no_part_is_empty() -> None:
    team = Team(3)
    assert team.split(7) == [0, 2, 4, 7]
    assert team.split(2) == [0, 1, 2]
    assert team.split(0) == [0, 0]


@pytest.mark.parametrize("failing", [0, 1])
def test_what_a_part_raises_is_raised_and_the_team_goes_on(failing: int) -> None:
    team = Team(2, bound=True)

    def part(k: int) -> int:
        if k == failing:
            raise ValueError("lost")
        return k

    with pytest.raises(ValueError, match="lost"):
        team.call(part, 2)
    assert team.call(lambda k: k, 2) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_the_caller_may_go_where_it_might_before() -> None:
    before = os.sched_getaffinity(0)
    team = Team(2, bound=True)
    for _ in range(3):
        team.run(mirror, np.zeros((4, 4)), 2, 4)
    assert os.sched_getaffinity(0) == before
