"""How much of the machine others use while something is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS_SECONDS = 0.03
_MOST_CORES = 0.1


class Bystanders:
    """Processor time that other processes, and other guests of the machine, take from now on.

    Linux tells it in hundredths of a second; where nobody does, nothing is known to disturb.
    """

    def __init__(self) -> None:
        self._before = _seconds()

    def seconds(self) -> tuple[float, float]:
        """Return the processor time of others and the wall time since this was made."""
        everybody, own, wall = (b - a for a, b in zip(self._before, _seconds(), strict=True))
        return max(0.0, everybody - own), wall

    def disturb(self) -> bool:
        """Whether others have taken more than a tenth of a core, beyond what ticks can tell."""
        taken, wall = self.seconds()
        return taken > _TICKS_SECONDS + _MOST_CORES * wall


def _seconds() -> tuple[float, float, float]:
    """Return processor time of the machine and of this process, and wall time."""
    own, wall = os.times(), time.perf_counter()
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return 0.0, 0.0, wall
    user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), own.user + own.system, wall
