"""``hetengine calibrate --refresh``: has this machine become slower since it was calibrated?

The reference runs that a topology file keeps are run again. What they take now over what they took
among the measurements is noted in the file, by device, kernel and link; the cost models multiply by
it. What was measured stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from hetengine.calibrate.references import bare, timed
from hetengine.calibrate.spec import Reference, Refresh
from hetengine.calibrate.status import CALIBRATED, judge
from hetengine.config import TopologyConfig
from hetengine.errors import UsageError

REPEATS = 4
"""How often the reference runs are repeated."""

KERNELS_APART = 0.05
"""Standard deviation by which kernels of one device drift apart, in logarithms: what is expected
before anything is measured."""

_LEAST_ERROR = 0.02
_NORMAL_95 = 1.96


def refreshed(
    topology: TopologyConfig, repeats: int = REPEATS, owner: str = "calibrate"
) -> TopologyConfig:
    """Run the reference runs of a calibrated topology and return it with what they say.

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
    calibration = topology.calibration
    status, detail = judge(calibration)
    if calibration is None or status != CALIBRATED:
        raise UsageError(
            f"{owner} is {status}: {detail}; only a calibration of this machine can be refreshed: "
            "run hetengine calibrate"
        )
    if not calibration.references:
        raise UsageError(
            f"{owner} keeps no reference runs, as files of earlier versions; run hetengine "
            "calibrate again"
        )
    blank = [replace(each, seconds={}) for each in calibration.references]
    now = timed(blank, bare(topology), repeats + 1)
    # What has not run in this process before pays for loading its kernels.
    now = [replace(each, seconds={k: v[1:] for k, v in each.seconds.items()}) for each in now]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    refresh = Refresh(date, drift(calibration.references, now))
    return replace(topology, calibration=replace(calibration, refresh=refresh))


def drift(then: Sequence[Reference], now: Sequence[Reference]) -> dict[str, list[float]]:
    """Return what takes how much longer, by key: factor and 95 % confidence interval.

    Over all reference runs together, medians over the repeats. A kernel is drawn towards its device
    as far as its own factor is uncertain, as a measurement is towards what is known before.

    Parameters
    ----------
    then, now : sequence of Reference
        The same runs, timed at calibration and now.
    """
    keys = sorted({key for each in then for key in each.seconds})
    found: dict[str, tuple[float, float]] = {}
    for key in keys:
        before, after = _times(then, key), _times(now, key)
        if before is not None and after is not None:
            found[key] = _log_ratio(before, after)
    for key in found:
        device, separator, _ = key.rpartition(".kernels.")
        if separator:
            found[key] = _drawn(found[key], found[f"{device}.kernels"])
    return {key: _factor(log, error) for key, (log, error) in found.items()}


def _times(runs: Iterable[Reference], key: str) -> list[np.ndarray] | None:
    """Return the repeats of every run that has the key; None if none took any time."""
    times = [np.asarray(each.seconds[key]) for each in runs if each.seconds.get(key)]
    return times if sum(float(np.median(each)) for each in times) > 0.0 else None


def _log_ratio(then: list[np.ndarray], now: list[np.ndarray]) -> tuple[float, float]:
    """Return the logarithm of now over then, in sum over the runs, and its standard error."""
    log, square = 0.0, 0.0
    for sign, runs in ((-1.0, then), (1.0, now)):
        total = sum(float(np.median(each)) for each in runs)
        log += sign * math.log(total)
        square += sum(float(np.var(each)) / each.size for each in runs) / total**2
    return log, math.hypot(math.sqrt(square), _LEAST_ERROR)


def _drawn(own: tuple[float, float], device: tuple[float, float]) -> tuple[float, float]:
    """Combine a kernel's own factor with that of its device, by their certainty."""
    known = 1.0 / own[1] ** 2
    before = 1.0 / (KERNELS_APART**2 + device[1] ** 2)
    log = (known * own[0] + before * device[0]) / (known + before)
    return log, math.sqrt(1.0 / (known + before))


def _factor(log: float, error: float) -> list[float]:
    half = _NORMAL_95 * error
    return [float(f"{math.exp(each):.4g}") for each in (log, log - half, log + half)]
