"""What a calibration adds to a topology file: costs by kernel, dispatch times, and its origin.

Plain data; `hetengine.sim.cost` turns it into seconds, `hetengine calibrate` writes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from hetengine.errors import UsageError

FEATURES = ("constant", "bytes_read", "bytes_written", "flops", "items")
"""What the time of a launch is regressed on,"""

SCATTERED = "scattered"
"""bytes read with gaps between them: those read, times the share of the data left out, and"""

BEYOND = "beyond_"
"""per cache, bytes read that were last used longer ago: ``beyond_1048576`` for 1 MiB of others."""

_DETAILED = 3  # dots in a key of a drift that is of one kernel or one lag


def is_feature(name: str) -> bool:
    """Whether a coefficient may have this name.

    Examples
    --------
    >>> is_feature("flops"), is_feature("beyond_1048576"), is_feature("beyond_reach")
    (True, True, False)
    """
    if name.startswith(BEYOND):
        return name.removeprefix(BEYOND).isdigit()
    return name in (*FEATURES, SCATTERED)


@dataclass
class KernelCost:
    """What is known about the time of one kernel on one device.

    Attributes
    ----------
    samples, outliers : int
        Measurements, and how many of them lie so far off that they were left out of the fit.
    spread : float
        Median absolute relative deviation of the measurements from the model.
    interval : list of float
        Ratio of measured to modelled time: 5th and 95th percentile.
    coefficients : dict of str to float
        Seconds per unit of each feature; none of them is negative.
    lower, upper : dict of str to float
        Range of each feature in the measurements.
    history : list of str
        One size class a line: ``flops bytes_read bytes_written items extent reuse_bytes seconds
        deviation samples``; see `hetengine.sim.cost.history.SizeClass`.
    constant_seconds : float or None
        Time of every launch, for a kernel without measurements.
    function : str
        Importable ``module:function`` of ``(spec, work)`` that returns seconds, for a kernel
        without measurements.
    issue_seconds, issue_item_seconds : float
        Time the program takes to hand over one launch: fixed, and per item of its work.
    """

    samples: int = 0
    outliers: int = 0
    spread: float = 0.0
    interval: list[float] = field(default_factory=list)
    coefficients: dict[str, float] = field(default_factory=dict)
    lower: dict[str, float] = field(default_factory=dict)
    upper: dict[str, float] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    constant_seconds: float | None = None
    function: str = ""
    issue_seconds: float = 0.0
    issue_item_seconds: float = 0.0

    def check(self, owner: str) -> None:
        """Refuse what cannot be a cost.

        Raises
        ------
        UsageError
            Naming the key under ``owner``.
        """
        for key in ("coefficients", "lower", "upper"):
            for name, value in getattr(self, key).items():
                if not is_feature(name):
                    raise UsageError(
                        f"topology: {owner}.{key} has {name!r}; allowed are {', '.join(FEATURES)}, "
                        f"{SCATTERED} and {BEYOND} with a number of bytes"
                    )
                _at_least_zero(f"{owner}.{key}.{name}", value)
        for key in ("constant_seconds", "issue_seconds", "issue_item_seconds", "spread"):
            _at_least_zero(f"{owner}.{key}", getattr(self, key))
        if self.function and not all(self.function.partition(":")):
            raise UsageError(
                f"topology: {owner}.function={self.function!r} must read module:function"
            )


@dataclass
class Dispatch:
    """What it takes to get from one command to the next where none is running.

    Attributes
    ----------
    start_seconds : float
        From handing a command to an idle queue until it runs.
    next_seconds : float
        Between two commands of one queue that are both there.
    relay_seconds : float
        From the end of a command until one on another queue that waits for it runs.
    notify_seconds : float
        From the end of a command until the program hears of it.
    inline_seconds : float
        What starting a command and hearing of its end take together where the program runs it
        itself (`hetengine.clock.WallClock.help`).
    issue_seconds : float
        Time the program takes to hand over a command, where its kernel has no entry of its own.
    """

    start_seconds: float = 0.0
    next_seconds: float = 0.0
    relay_seconds: float = 0.0
    notify_seconds: float = 0.0
    inline_seconds: float = 0.0
    issue_seconds: float = 0.0

    def check(self, owner: str) -> None:
        """Refuse negative times.

        Raises
        ------
        UsageError
            Naming the key under ``owner``.
        """
        for each in fields(self):
            _at_least_zero(f"{owner}.{each.name}", getattr(self, each.name))


@dataclass
class Reference:
    """One of the runs a calibration was made of, to be repeated when it is refreshed.

    Attributes
    ----------
    problem, selection, precision : str
        As in a config.
    rows, columns, rounds : int
        Examples and features of its made-up data, and rounds until it stops.
    density, memory_fraction : float
        Part of the entries that are stored, and what the accelerators hold of the data.
    """

    problem: str
    selection: str
    precision: str
    rows: int
    columns: int
    rounds: int
    density: float
    memory_fraction: float


@dataclass
class Refresh:
    """What has become of a machine's speed since it was calibrated.

    Attributes
    ----------
    date : str
        ISO 8601, with the time zone.
    drift : dict of str to list of float
        By ``devices.NAME.kernels``, ``devices.NAME.kernels.KERNEL``, ``devices.HOST.dispatch``,
        ``devices.NAME.dispatch.LAG`` and ``links.NAME``: time now over time then, and its 95 %
        confidence interval.
    classes : dict of str to list of str
        By ``devices.NAME.kernels.KERNEL/VARIANT``, a line for each size class, like those of a
        kernel's history: time now over what the calibration and the kernel's factor say in place of
        the seconds, and runs in place of launches.
    """

    date: str
    drift: dict[str, list[float]] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def wholes(self) -> dict[str, float]:
        """Factors of whole devices, of handing over and of links, by what they are of."""
        return {
            key.partition(".")[2].replace(".", " "): values[0]
            for key, values in self.drift.items()
            if key.count(".") < _DETAILED
        }

    def check(self, owner: str) -> None:
        """Refuse what cannot be a factor.

        Raises
        ------
        UsageError
            Naming the key under ``owner``.
        """
        for key, values in self.drift.items():
            if len(values) != 3 or not all(math.isfinite(v) and v > 0.0 for v in values):
                raise UsageError(
                    f"topology: {owner}.drift.{key}={values} must be a factor and its interval, "
                    "three numbers greater than 0; run hetengine calibrate --refresh"
                )


@dataclass
class Calibration:
    """Where and when a topology was measured.

    Attributes
    ----------
    date : str
        ISO 8601, with the time zone.
    host : str
        Fingerprint of the machine; see `hetengine.calibrate.host.fingerprint`.
    cpu, cores, memory_bytes
        What the fingerprint was made of.
    versions : dict of str to str
        Python and the libraries that computed.
    intervals : dict of str to list of float
        95 % confidence intervals of rates and latencies, by their key in the file.
    references : list of Reference
        Some of the runs it was made of.
    refresh : Refresh or None
        What they said when they were last repeated.
    """

    date: str
    host: str
    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, list[float]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    refresh: Refresh | None = None


def _at_least_zero(owner: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise UsageError(f"topology: {owner}={value} must be finite and at least 0")
