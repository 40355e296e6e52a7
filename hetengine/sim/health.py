"""How a simulated device fares over time: the incidents of its topology entry, played."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence

import simpy

from hetengine.clock import VirtualClock
from hetengine.errors import DeviceFailure
from hetengine.incidents import Incident


class Health:
    """Speed of a device, and whether it works at all.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    device : str
        Name for messages.
    incidents : sequence of Incident
        What happens to it; times count from `start`.
    changed : callable
        Called after the speed has changed.
    lost : callable
        Called with the failure when the device fails.

    Attributes
    ----------
    speed : float
        1 at full speed, 0 while it stalls or has failed.
    failure : DeviceFailure or None
        Why every command fails now.
    """

    def __init__(
        self,
        clock: VirtualClock,
        device: str,
        incidents: Sequence[Incident],
        changed: Callable[[], None],
        lost: Callable[[DeviceFailure], None],
    ) -> None:
        self.speed = 1.0
        self.failure: DeviceFailure | None = None
        self._clock = clock
        self._device = device
        self._incidents = tuple(incidents)
        self._changed = changed
        self._lost = lost
        self._asleep: list[Callable[[], None]] = []

    def start(self) -> None:
        """Let the incidents happen from now on."""
        if self._incidents:
            self._clock.process(self._play(self._clock.now))

    def check(self) -> None:
        """Refuse a command while the device has failed.

        Raises
        ------
        DeviceFailure
            Naming the device and when it failed.
        """
        if self.failure is not None:
            raise self.failure

    def when_awake(self, action: Callable[[], None]) -> None:
        """Do something now or, while the device stalls, as soon as it goes on."""
        if self.speed > 0.0:
            action()
        else:
            self._asleep.append(action)

    def _play(self, origin: float) -> Generator[simpy.Event]:
        ends = {i.at_seconds for i in self._incidents} | {i.end_seconds for i in self._incidents}
        for seconds in sorted(ends - {math.inf}):
            yield self._clock.timeout(max(0.0, origin + seconds - self._clock.now))
            self._become([each for each in self._incidents if each.covers(seconds)], seconds)

    def _become(self, going_on: list[Incident], seconds: float) -> None:
        failed = any(each.event == "fail" for each in going_on)
        stands = failed or any(each.event == "stall" for each in going_on)
        slow = math.prod(each.factor for each in going_on if each.event == "slow")
        self.speed = 0.0 if stands else 1.0 / slow
        fresh = failed and self.failure is None
        if not failed:
            self.failure = None
        elif fresh:
            self.failure = DeviceFailure(
                f"{self._device}: failed at {seconds:g} s (topology.devices.{self._device}.events)",
                self._device,
            )
            self._asleep.clear()
            self._lost(self.failure)
        self._changed()
        if self.speed > 0.0:
            awake, self._asleep = self._asleep, []
            for action in awake:
                action()
