"""The option ``slowdown`` of CPU devices: a stand-in for a slower processor."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from hetengine.clock import WallClock
from hetengine.errors import UsageError
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_numpy import NumpyBackend, slowed
from hetengine_numpy.slowed import Slowed, slowdown_of


@dataclass
class Watch:
    """A clock that only the kernel and the rest move on."""

    now: float = 0.0

    def kernel(self, result: int) -> int:
        self.now += 2.0
        return result

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    fake = SimpleNamespace(perf_counter=lambda: made.now, sleep=made.sleep)
    monkeypatch.setattr(slowed, "time", fake)
    return made


class Kernel:
    name = "step"

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def __call__(self, *args: int) -> int:
        return self.watch.kernel(*args)


def test_a_launch_takes_as_many_times_as_long_and_returns_the_same(watch: Watch) -> None:
    kernel = Slowed(Kernel(watch), 4.0)
    assert (kernel(7), kernel.name) == (7, "step")
    assert watch.now == pytest.approx(8.0)


def test_a_device_slows_its_kernels(watch: Watch) -> None:
    clock = WallClock()
    spec = DeviceSpec("card", options={"slowdown": 3})
    device = NumpyBackend().open(spec, clock, lambda span: None)
    assert clock.run(device.launch(Kernel(watch), (5,), Work())) == 5
    assert watch.now == pytest.approx(6.0)
    buffer = device.alloc("x", 3, np.float32)
    clock.run(device.launch(device.load("net_fill"), (buffer, 0, 3, 2.0), Work()))
    assert buffer.array.tolist() == [2.0] * 3
    device.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"slowdown": 0.5}, r"options\.slowdown=0\.5 must be a number of at least 1"),
        ({"slowdown": "much"}, r"options\.slowdown=much must be a number"),
        ({"slowdwon": 2}, r"options\.slowdwon is unknown; did you mean 'slowdown'\?"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str | float], told: str) -> None:
    spec = DeviceSpec("card", options=options)
    with pytest.raises(UsageError, match=told):
        NumpyBackend().open(spec, WallClock(), lambda span: None)
    assert slowdown_of(DeviceSpec("card")) == 1.0
