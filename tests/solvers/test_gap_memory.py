"""The host's gap memory: measured in turn, as many as asked for or as time allows."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.machine import Machine, open_machine
from hetengine.solvers.columns import HostColumns
from hetengine.solvers.gap_memory import GapMemory
from hetengine.solvers.worker import Process
from tests.solvers.harness import build, topology

CHUNK = 4


class Desk:
    """A gap memory on a simulated host whose launches take 10 microseconds and more."""

    def __init__(self) -> None:
        self.problem = build("svm")
        self.machine: Machine = open_machine(topology().build(), "simulate", lambda span: None)
        self.clock = self.machine.clock
        self.memory = GapMemory(HostColumns(self.machine.host, self.problem))
        self.memory.chunk = self.memory.long_chunk = CHUNK
        rng = np.random.default_rng(0)
        self.w = rng.normal(size=self.problem.length)
        self.alpha = self.problem.p * self.problem.q * rng.random(self.problem.count)

    def sleep(self, seconds: float) -> Process:
        # A timeout counts as triggered from the start, a process when it ends.
        yield self.clock.timeout(seconds)

    def refresh(self, stale: np.ndarray, quota: int | None, seconds: float) -> list[int]:
        """Refresh until a time has come; returns which coordinates were measured."""
        self.memory.gaps[:] = np.inf
        until = self.clock.process(self.sleep(seconds))
        frozen = (self.w, self.alpha, 0.0)
        self.clock.run(self.clock.process(self.memory.refresh(stale, quota, until, frozen)))
        return np.flatnonzero(np.isfinite(self.memory.gaps)).tolist()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_known_before_it_is_measured(desk: Desk) -> None:
    assert np.isinf(desk.memory.gaps).all()
    process = desk.memory.measure(desk.w, desk.alpha, 0.0, "certify")
    desk.clock.run(desk.clock.process(process))
    u = desk.problem.columns.dot(desk.w)
    np.testing.assert_allclose(desk.memory.u, u, rtol=1e-12)
    np.testing.assert_allclose(
        desk.memory.gaps, desk.problem.scores(desk.alpha, u), rtol=1e-9, atol=1e-14
    )
    assert desk.memory.take_count() == desk.problem.count
    assert desk.memory.take_count() == 0


def test_a_quota_is_met_in_turn_whatever_the_time(desk: Desk) -> None:
    everyone = np.ones(desk.problem.count, bool)
    assert desk.refresh(everyone, 25, 0.0) == list(range(25))
    assert desk.refresh(everyone, 25, 0.0) == list(range(25, 50))
    assert desk.refresh(everyone, 25, 0.0) == [*range(15), *range(50, 60)]
    assert desk.memory.take_count() == 75


def test_a_quota_beyond_all_measures_each_once(desk: Desk) -> None:
    everyone = np.ones(desk.problem.count, bool)
    assert desk.refresh(everyone, 1000, 0.0) == list(range(60))
    assert desk.memory.take_count() == 60


def test_only_stale_coordinates_are_measured(desk: Desk) -> None:
    stale = np.arange(60) % 3 == 0
    assert desk.refresh(stale, 12, 0.0) == list(range(0, 36, 3))
    # It goes on behind the last one, also where the set has changed.
    assert desk.refresh(~stale, 3, 0.0) == [34, 35, 37]
    assert desk.refresh(np.zeros(60, bool), 3, 0.0) == []
    assert desk.refresh(np.zeros(60, bool), None, 1.0) == []


def test_without_a_quota_it_goes_on_until_the_solve_has_ended(desk: Desk) -> None:
    everyone = np.ones(desk.problem.count, bool)
    begun = desk.clock.now
    desk.refresh(everyone, CHUNK, 0.0)
    chunk_seconds = desk.clock.now - begun
    done = desk.refresh(everyone, None, 2.5 * chunk_seconds)
    assert done == list(range(CHUNK, 4 * CHUNK))
    assert desk.refresh(everyone, None, 1e6) == list(range(60))
