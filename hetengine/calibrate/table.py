"""What calibration measured, as tables with the spread of the measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hetengine.calibrate.estimate import typical
from hetengine.calibrate.measure import Measured
from hetengine.calibrate.spec import Refresh
from hetengine.config import TopologyConfig
from hetengine.record.progress import human_bytes

if TYPE_CHECKING:
    from rich.console import Console


def print_tables(console: Console, topology: TopologyConfig, found: Measured) -> None:
    """Print devices and links, then kernels.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    topology : TopologyConfig
        As calibrated.
    found : Measured
        The micro-benchmarks behind it.
    """
    from rich.table import Column, Table

    machine = Table("what", "value", "spread", title="devices, links, disk", title_justify="left")
    for row in [*_devices(topology, found), *_links(topology, found)]:
        machine.add_row(*row)
    for key, rate in found.disk.items():
        machine.add_row(key, f"{human_bytes(int(rate))}/s", "")
    console.print(machine)
    kernels = Table(
        Column("kernel", no_wrap=True),
        Column("runs", justify="right"),
        Column("out", justify="right"),
        Column("|error|", justify="right"),
        Column("5 % .. 95 %", justify="right"),
        Column("issue", justify="right"),
        title="kernels: measured over modelled time",
        title_justify="left",
    )
    for name, device in topology.devices.items():
        for key, cost in device.kernels.items():
            low, high = cost.interval
            kernels.add_row(
                f"{name} {key}",
                str(cost.samples),
                str(cost.outliers),
                f"{100 * cost.spread:.1f} %",
                f"{low:.2f} .. {high:.2f}",
                _microseconds(cost.issue_seconds),
            )
    console.print(kernels)


def print_drift(console: Console, refresh: Refresh) -> None:
    """Print what a refresh has found.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    refresh : Refresh
        Of the file.
    """
    from rich.table import Column, Table

    table = Table(
        Column("what", no_wrap=True),
        Column("time now over time then", justify="right"),
        Column("95 %", justify="right"),
        title="since it was calibrated",
        title_justify="left",
    )
    for key, (factor, low, high) in refresh.drift.items():
        table.add_row(key, f"{factor:.3f}", f"{low:.3f} .. {high:.3f}")
    console.print(table)


def _devices(topology: TopologyConfig, found: Measured) -> list[tuple[str, str, str]]:
    rows = []
    for name, device in topology.devices.items():
        if device.role == "storage":
            continue
        launch, launch_half = typical(found.launch_seconds[name])
        alloc, alloc_half = typical(found.alloc_seconds[name])
        bandwidth = human_bytes(int(device.bandwidth_bytes_per_second))
        rows += [
            (f"{name}: best rate seen", f"{bandwidth}/s", ""),
            (f"{name}: empty launch", _microseconds(launch), f"± {_microseconds(launch_half)}"),
            (f"{name}: allocate a page", _microseconds(device.alloc_seconds), ""),
            (f"{name}: allocate 32 MiB", _microseconds(alloc), f"± {_microseconds(alloc_half)}"),
        ]
        for key, seconds in vars(device.dispatch).items():
            interval = topology.calibration.intervals if topology.calibration else {}
            bounds = interval.get(f"devices.{name}.dispatch.{key}")
            spread = "" if bounds is None else " .. ".join(map(_microseconds, bounds))
            if seconds:
                rows.append(
                    (f"{name}: {key.removesuffix('_seconds')}", _microseconds(seconds), spread)
                )
    return rows


def _links(topology: TopologyConfig, found: Measured) -> list[tuple[str, str, str]]:
    rows = []
    intervals = topology.calibration.intervals if topology.calibration else {}
    for name, link in topology.links.items():
        for way in ("up", "down"):
            rate = getattr(link, f"{way}_bytes_per_second")
            bounds = intervals.get(f"links.{name}.{way}_bytes_per_second", [])
            spread = " .. ".join(f"{human_bytes(int(bound))}/s" for bound in bounds)
            rows.append((f"{name}: {way}", f"{human_bytes(int(rate))}/s", spread))
        both = link.duplex_bytes_per_second
        rows += [
            (f"{name}: both ways", "no cap" if both is None else f"{human_bytes(int(both))}/s", ""),
            (f"{name}: latency", _microseconds(link.latency_seconds), ""),
            (f"{name}: handing over", _microseconds(link.host_seconds), ""),
        ]
    return rows


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.1f} us"
