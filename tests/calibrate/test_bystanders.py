"""Others who use the processor while something is measured are noticed, and runs repeated."""

from __future__ import annotations

import pytest

from hetengine.calibrate import bystanders, measure
from hetengine.calibrate.bystanders import Bystanders
from hetengine.calibrate.harvest import Harvest
from hetengine.calibrate.probes import Probe, Shape
from hetengine.config import DeviceConfig, TopologyConfig
from hetengine.span import Span
from hetengine.work import Work


def clocks(monkeypatch: pytest.MonkeyPatch, *readings: tuple[float, float, float]) -> None:
    """Let the machine tell these processor times, own processor times and wall times."""
    left = list(readings)
    monkeypatch.setattr(bystanders, "_seconds", lambda: left.pop(0))


@pytest.mark.parametrize(
    ("everybody", "disturb"), [(1.0, False), (1.12, False), (1.14, True), (0.9, False)]
)
def test_a_tenth_of_a_core_beyond_what_ticks_can_tell_disturbs(
    monkeypatch: pytest.MonkeyPatch, everybody: float, disturb: bool
) -> None:
    clocks(monkeypatch, (5.0, 2.0, 7.0), (5.0 + everybody, 3.0, 8.0))
    assert Bystanders().disturb() is disturb


def test_what_this_process_does_itself_is_not_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks(monkeypatch, (5.0, 2.0, 7.0), (9.0, 5.5, 9.0))
    assert Bystanders().seconds() == (0.5, 2.0)


def test_processor_time_goes_on() -> None:
    before = bystanders._seconds()
    sum(range(100_000))
    after = bystanders._seconds()
    assert all(b >= a for a, b in zip(before, after, strict=True))
    assert after[2] > before[2]


def test_probes_that_others_disturb_are_run_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    calm, loud = Probe(Shape(10, 2)), Probe(Shape(20, 2))
    ran: list[Probe] = []

    def spans_of(probes: list[Probe], _: TopologyConfig):
        for probe in probes:
            ran.append(probe)
            work = Work(items=probe.shape.rows)
            yield probe, [Span("host", "compute", "k", "c", 0.0, 1.0, work)]

    class Others:
        def disturb(self) -> bool:
            return ran[-1] is loud

    monkeypatch.setattr(measure, "spans_of", spans_of)
    monkeypatch.setattr(measure, "Bystanders", Others)
    harvest, devices = Harvest(), {"host": DeviceConfig("host")}
    assert measure._train([loud, calm], TopologyConfig("t", devices), harvest) == 1
    assert ran == [loud, calm, loud]
    assert [work.items for work in harvest.kernels["host", "k"].works] == [10, 20]
