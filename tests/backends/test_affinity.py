"""Cores for threads that compute."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest

from hetengine_numpy import affinity
from hetengine_numpy.affinity import Core

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or affinity.fcntl is None,
    reason="this system does not bind threads to cores",
)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """A machine of two cores whose locks nobody else has; what threads were bound to."""
    bound: list[int] = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: bound.extend(cores))
    return bound


def test_each_thread_gets_a_core_of_its_own_as_long_as_there_are_some(two_cores: list[int]) -> None:
    claims = [Core() for _ in range(3)]
    assert sorted(map(str, (claim.claim() for claim in claims))) == ["0", "1", "None"]
    assert sorted(two_cores) == [0, 1]
    for claim in claims:
        claim.release()


def test_a_core_that_was_released_is_free_again(two_cores: list[int]) -> None:
    first, others = Core(), [Core(), Core()]
    core = first.claim()
    others[0].claim()
    first.release()
    assert others[1].claim() == core
    for claim in others:
        claim.release()


def test_a_single_core_is_left_to_the_scheduler(
    two_cores: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert Core().claim() is None
    assert two_cores == []


def test_locks_that_cannot_be_made_bind_nothing(
    two_cores: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    assert Core().claim() is None
    assert two_cores == []


def test_only_the_calling_thread_is_bound() -> None:
    before, seen = os.sched_getaffinity(0), list[set[int]]()

    def work() -> None:
        claim = Core()
        claim.claim()
        seen.append(os.sched_getaffinity(0))
        claim.release()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert os.sched_getaffinity(0) == before
    assert seen[0] <= before
