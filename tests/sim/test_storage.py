"""A simulated disk: requests in waves, bytes over its link, and what happens to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.device import Event
from hetengine.incidents import Incident
from hetengine.machine import open_machine
from hetengine.store.device import piece_buffer
from hetengine.store.plan import Extent, Piece

NOWHERE: Any = None  # a store that nobody reads: numerics are skipped


def read(*events: Incident, threads: int = 2) -> Event:
    """Read 400 bytes in four requests; 100 bytes a second, half a second of latency."""
    devices = {
        "host": DeviceConfig("host"),
        "disk": DeviceConfig("storage", threads=threads, events=list(events)),
    }
    links = {"nvme": LinkConfig(["host", "disk"], 10.0, 100.0, latency_seconds=0.5)}
    machine = open_machine(TopologyConfig("t", devices, links).build(), "dry", lambda span: None)
    machine.start()
    machine.clock.run(until=0.25)
    disk = machine.storage
    assert disk is not None
    extents = tuple(Extent(0, 1000 * k, 100, 100 * k) for k in range(4))
    piece = Piece((), (), extents, (), 400)
    event = disk.copy(
        machine.host.alloc("landing", 400, np.uint8), piece_buffer(disk, NOWHERE, piece)
    )
    machine.clock.run(until=event)
    return event


@pytest.mark.parametrize(("threads", "waves"), [(1, 4), (2, 2), (3, 2), (4, 1), (9, 1)])
def test_requests_wait_for_each_other_beyond_those_under_way(threads: int, waves: int) -> None:
    assert read(threads=threads).seconds == pytest.approx(0.5 * waves + 4.0)


def test_a_slow_disk_takes_longer_to_answer_and_to_send() -> None:
    assert read(Incident("slow", 0.0, None, 3.0)).seconds == pytest.approx(3 * (2 * 0.5 + 4.0))


def test_a_stalled_disk_reads_when_it_goes_on() -> None:
    assert read(Incident("stall", 0.0, 10.0)).end_seconds == pytest.approx(10.0 + 2 * 0.5 + 4.0)
