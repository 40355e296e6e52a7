"""What happens to a device of a simulated run at given times: slow, stall, fail, return."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.errors import UsageError, did_you_mean
from hetengine.ranges import positive

KINDS = ("slow", "stall", "fail")


@dataclass
class Incident:
    """One entry of ``devices.NAME.events`` in a topology file.

    Attributes
    ----------
    event : {'slow', 'stall', 'fail'}
        Launches and copies take ``factor`` times as long (a straggler, thermal throttling); nothing
        goes on; or the device loses its memory and every command fails until it returns.
    at_seconds : float
        When it begins, on the run's clock.
    until_seconds : float or None
        When it ends; None means never.
    factor : float
        With ``slow``: how many times as long a launch or a copy takes; below 1, a launch alone.
    """

    event: str
    at_seconds: float
    until_seconds: float | None = None
    factor: float = 2.0

    def check(self, owner: str) -> None:
        """Refuse what cannot happen.

        Parameters
        ----------
        owner : str
            Where it stands, for the message.

        Raises
        ------
        UsageError
            If a word is unknown, a number is out of range, or a stall never ends.
        """
        if self.event not in KINDS:
            hint = did_you_mean(self.event, KINDS)
            raise UsageError(f"topology: {owner}.event={self.event!r}; {hint}")
        positive(owner, "at_seconds", self.at_seconds, zero=True)
        positive(owner, "factor", self.factor)
        if self.event == "stall" and self.until_seconds is None:
            raise UsageError(
                f"topology: {owner}: a stall needs until_seconds; write event: fail for a device "
                "that never returns"
            )
        if not self.at_seconds < self.end_seconds:
            raise UsageError(
                f"topology: {owner}.until_seconds={self.until_seconds} must be after "
                f"at_seconds={self.at_seconds}"
            )

    @property
    def end_seconds(self) -> float:
        """When it ends; infinity for never."""
        return math.inf if self.until_seconds is None else self.until_seconds

    def covers(self, seconds: float) -> bool:
        """Whether it is going on at a time."""
        return self.at_seconds <= seconds < self.end_seconds
