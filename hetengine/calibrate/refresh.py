"""``hetengine calibrate --refresh``: has this machine become slower since it was calibrated?

Some of the runs a calibration was made of are run again. What their commands take now, over what
the calibration says of the same commands, is noted in the file by device, kernel, lag and link; the
cost models multiply by it. What was measured stays as it was.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime

from hetengine.calibrate.estimate import NORMAL_95
from hetengine.calibrate.ratios import Ratios
from hetengine.calibrate.references import bare, run_reference
from hetengine.calibrate.spec import Refresh
from hetengine.calibrate.status import CALIBRATED, judge
from hetengine.config import TopologyConfig
from hetengine.errors import UsageError

REPEATS = 2
"""How often the reference runs are repeated."""

KERNELS_APART = 0.1
"""Standard deviation by which kernels of one device drift apart, in logarithms: what is expected
before anything is measured."""


class Refresher:
    """Repeats the reference runs of a calibration, one after the other and over again.

    Parameters
    ----------
    topology : TopologyConfig
        As read from its file.
    owner : str
        What messages begin with, such as the name of the file.

    Attributes
    ----------
    references : int
        How many runs make one turn.

    Raises
    ------
    UsageError
        If it has not been calibrated on this machine lately, or keeps no reference runs.
    """

    def __init__(self, topology: TopologyConfig, owner: str = "calibrate") -> None:
        calibration = topology.calibration
        status, detail = judge(calibration)
        if calibration is None or status != CALIBRATED:
            raise UsageError(
                f"{owner} is {status}: {detail}; only a calibration of this machine can be "
                "refreshed: run hetengine calibrate"
            )
        if not calibration.references:
            raise UsageError(f"{owner} keeps no reference runs; run hetengine calibrate again")
        self.references = len(calibration.references)
        self._turns = itertools.cycle(calibration.references)
        self._topology = bare(topology)
        self._ratios = Ratios(topology)
        self._unseen = self.references

    def run(self) -> None:
        """Run the next reference run; the first time does not count, as that loads kernels."""
        spans = run_reference(next(self._turns), self._topology)
        if self._unseen:
            self._unseen -= 1
        else:
            self._ratios.add(spans)

    def refresh(self) -> Refresh:
        """Return what the runs so far say."""
        date = datetime.now(UTC).isoformat(timespec="seconds")
        found = drift(self._ratios.factors())
        return Refresh(date, found, self._ratios.classes(found))


def refreshed(
    topology: TopologyConfig, repeats: int = REPEATS, owner: str = "calibrate"
) -> TopologyConfig:
    """Run the reference runs of a calibrated topology again and return it with what they say.

    Parameters
    ----------
    topology : TopologyConfig
        As read from its file.
    repeats : int
        How often each is run.
    owner : str
        What messages begin with, such as the name of the file.

    Raises
    ------
    UsageError
        If it has not been calibrated on this machine lately, or keeps no reference runs.
    """
    refresher = Refresher(topology, owner)
    for _ in range((1 + repeats) * refresher.references):
        refresher.run()
    assert topology.calibration is not None
    about = replace(topology.calibration, refresh=refresher.refresh())
    return replace(topology, calibration=about)


def drift(found: dict[str, tuple[float, float]]) -> dict[str, list[float]]:
    """Return what takes how much longer, by key: factor and 95 % confidence interval.

    A kernel is drawn towards its device as far as its own factor is uncertain, as a measurement is
    towards what is known before.

    Parameters
    ----------
    found : dict of str to (float, float)
        Logarithms and their standard errors; see `hetengine.calibrate.ratios.Ratios.factors`.
    """
    drawn = dict(found)
    for key, own in found.items():
        device, separator, _ = key.rpartition(".kernels.")
        if separator:
            drawn[key] = _drawn(own, found[f"{device}.kernels"])
    return {key: _factor(log, error) for key, (log, error) in drawn.items()}


def _drawn(own: tuple[float, float], device: tuple[float, float]) -> tuple[float, float]:
    """Combine a kernel's own factor with that of its device, by their certainty."""
    known = 1.0 / own[1] ** 2
    before = 1.0 / (KERNELS_APART**2 + device[1] ** 2)
    log = (known * own[0] + before * device[0]) / (known + before)
    return log, math.sqrt(1.0 / (known + before))


def _factor(log: float, error: float) -> list[float]:
    half = NORMAL_95 * error
    return [float(f"{math.exp(each):.4g}") for each in (log, log - half, log + half)]
