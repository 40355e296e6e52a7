"""Measure a machine: micro-benchmarks, then probes, then the fits that make a topology of them."""

from __future__ import annotations

import gc
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata

import numpy as np

from hetengine.calibrate import micro
from hetengine.calibrate.bystanders import Bystanders
from hetengine.calibrate.disk import on_disk, with_disk_rates
from hetengine.calibrate.estimate import copy_cost, dispatch, kernel_cost, pooled, typical
from hetengine.calibrate.harvest import Harvest, Samples
from hetengine.calibrate.host import cache_bytes, this_host
from hetengine.calibrate.probes import Probe, data_of, spans_of, spread
from hetengine.calibrate.references import bare, references_of, run_reference
from hetengine.calibrate.spec import Calibration, KernelCost, Reference
from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.errors import UsageError
from hetengine.machine import open_machine
from hetengine.sim.cost.history import read_line
from hetengine.sim.recency import cache_domain
from hetengine.span import Span

_PACKAGES = ("hetengine", "numpy", "numba", "scipy", "simpy", "pyopencl", "cupy-cuda13x")
_FREE_DUPLEX = 0.95
_CORES = "processor"
_FEW = 0.02
_MOST_PASSES, _MOST_SECONDS = 4, 165.0

Say = Callable[[str], None]


@dataclass
class Measured:
    """What the micro-benchmarks found.

    Attributes
    ----------
    launch_seconds, alloc_seconds, alloc_page_seconds : dict of str to list of float
        By device; allocations of `micro.ALLOC_BYTES` and of `micro.PAGE_BYTES`.
    copies : dict of (str, str) to Samples
        By device and direction.
    both_bytes_per_second : dict of str to float
        By device: both ways together.
    disk : dict of str to float
        Rates by key.
    on_host : set of str
        Devices that compute on the cores of this machine.
    """

    launch_seconds: dict[str, list[float]] = field(default_factory=dict)
    alloc_seconds: dict[str, list[float]] = field(default_factory=dict)
    alloc_page_seconds: dict[str, list[float]] = field(default_factory=dict)
    copies: dict[tuple[str, str], Samples] = field(default_factory=dict)
    both_bytes_per_second: dict[str, float] = field(default_factory=dict)
    disk: dict[str, float] = field(default_factory=dict)
    on_host: set[str] = field(default_factory=set)


def measure(
    topology: TopologyConfig,
    probes: list[Probe],
    passes: int | None = None,
    say: Say = lambda _: None,
) -> tuple[TopologyConfig, Measured]:
    """Measure every device and link of a topology.

    Parameters
    ----------
    topology : TopologyConfig
        What to open; every device must be able to run here.
    probes : list of Probe
        What to train.
    passes : int, optional
        How often to train all of it, so that a disturbance does not hit one kernel alone; as often
        as is done within some three minutes by default, at most four times.
    say : callable
        Receives a line per step.

    Returns
    -------
    TopologyConfig
        The same machine with measured rates, kernels, dispatch times and a calibration.
    Measured
        Micro-benchmarks, for the table.

    Raises
    ------
    UsageError
        If there is no accelerator.
    BackendUnavailable
        If a device cannot run here.
    """
    begun = time.monotonic()
    opened = bare(topology)
    if not opened.build().accelerators:
        raise UsageError(
            f"calibrate: topology {topology.name} has no accelerator to measure; "
            "type topology=cpu or another"
        )
    say("links, launches, allocation, disk")
    found = micro_benchmarks(opened)
    opened = _placed(opened, found.on_host)
    references = references_of(probes)
    for reference in references:
        run_reference(reference, opened)  # builds kernels
    harvest = Harvest(domains=domains(opened))
    disturbed, runs = 0, 0
    for turn in _turns(passes, begun):
        say(f"probes, pass {turn + 1}: {len(probes)} short runs")
        disturbed += _train(spread(probes), opened, harvest)
        runs += len(probes)
    gc.unfreeze()
    data_of.cache_clear()
    _warn(disturbed, runs, say)
    say("fits")
    return calibrated(opened, harvest, found, references), found


def _turns(passes: int | None, begun: float) -> Iterator[int]:
    """Count passes: as many as asked for, or until the next one would take too long."""
    longest = 0.0
    for turn in range(passes or _MOST_PASSES):
        started = time.monotonic()
        if passes is None and turn and started - begun + longest > _MOST_SECONDS:
            return
        yield turn
        longest = max(longest, time.monotonic() - started)


def _warn(disturbed: int, runs: int, say: Say) -> None:
    """Say so if others were in the way."""
    if disturbed > _FEW * runs:
        say(
            f"others used the processor during {disturbed} of {runs} runs, also when repeated; "
            "calibrate again when the machine has nothing else to do"
        )


def _train(probes: list[Probe], topology: TopologyConfig, harvest: Harvest) -> int:
    """Run probes, once more those that others disturbed; return how many they did both times."""
    host, again = topology.build().host.name, list[Probe]()
    others = Bystanders()
    for probe, spans in spans_of(probes, topology):
        if others.disturb():
            again.append(probe)
        else:
            _take_in(harvest, spans, host)
        others = Bystanders()
    disturbed = 0
    others = Bystanders()
    for _, spans in spans_of(again, topology):
        disturbed += others.disturb()
        _take_in(harvest, spans, host)
        others = Bystanders()
    return disturbed


def _take_in(harvest: Harvest, spans: Sequence[Span], host: str) -> None:
    """Keep the commands of a run where the garbage collector does not look during the next one."""
    harvest.add(spans, host)
    gc.collect()
    gc.freeze()


def micro_benchmarks(topology: TopologyConfig) -> Measured:
    """Measure links, empty launches and allocation of every device, and the disk."""
    found, spans = Measured(), list[Span]()
    machine = open_machine(topology.build(), "execute", spans.append)
    try:
        for device in (machine.host, *machine.accelerators):
            found.launch_seconds[device.name] = micro.launches(machine, device, spans)
            found.alloc_page_seconds[device.name] = micro.allocations(device, micro.PAGE_BYTES)
            found.alloc_seconds[device.name] = micro.allocations(device)
            if device.facts.get("cores") == "host":
                found.on_host.add(device.name)
        for device in machine.accelerators:
            samples, rate = micro.copies(machine, device, spans)
            found.both_bytes_per_second[device.name] = rate
            for way, each in samples.items():
                found.copies[device.name, way] = each
    finally:
        machine.close()
    found.disk = micro.disk()
    return found


def _placed(topology: TopologyConfig, on_host: set[str]) -> TopologyConfig:
    """Say which devices share the cores of this machine, unless the topology does already."""
    if topology.cores or not on_host:
        return topology
    devices = {
        name: replace(device, cores=_CORES if name in on_host else None)
        for name, device in topology.devices.items()
    }
    return replace(topology, devices=devices, cores={_CORES: this_host().cores})


def domains(topology: TopologyConfig) -> dict[str, str]:
    """Return which devices share caches, by name."""
    return {spec.name: cache_domain(spec) for spec in topology.build().devices}


def calibrated(
    topology: TopologyConfig,
    harvest: Harvest,
    found: Measured,
    references: Sequence[Reference] = (),
) -> TopologyConfig:
    """Return the topology with everything that was measured.

    Parameters
    ----------
    topology : TopologyConfig
        As opened.
    harvest : Harvest
        From the probes.
    found : Measured
        From the micro-benchmarks.
    references : sequence of Reference
        Some of the probes.
    """
    intervals: dict[str, list[float]] = {}
    today = datetime.now(UTC).date().isoformat()
    devices = {
        name: device
        if device.role == "storage"
        else _device(name, device, harvest, found, intervals, today)
        for name, device in topology.devices.items()
    }
    host = topology.build().host.name
    links = {
        name: _link(name, link, host, harvest, found, intervals, today)
        for name, link in topology.links.items()
    }
    rates = {key: [rate, rate] for key, rate in found.disk.items()}
    machine = this_host()
    return replace(
        topology,
        devices=devices,
        links=with_disk_rates(topology, links, found.disk, today),
        tiers={name: on_disk(tier, found.disk, today) for name, tier in topology.tiers.items()},
        calibration=Calibration(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            host=machine.fingerprint,
            cpu=machine.cpu,
            cores=machine.cores,
            memory_bytes=machine.memory_bytes,
            versions=_versions(),
            intervals=intervals | rates,
            references=list(references),
        ),
    )


def _device(
    name: str,
    device: DeviceConfig,
    harvest: Harvest,
    found: Measured,
    intervals: dict[str, list[float]],
    today: str,
) -> DeviceConfig:
    kernels = kernel_table(harvest, name, cache_bytes() if device.cores else ())
    times, between = dispatch(harvest, name)
    for key, interval in between.items():
        intervals[f"devices.{name}.dispatch.{key}"] = interval
    launch, half = typical(found.launch_seconds[name])
    intervals[f"devices.{name}.launch_seconds"] = [max(launch - half, 0.0), launch + half]
    alloc, half = typical(found.alloc_seconds[name])
    intervals[f"devices.{name}.alloc_32MiB_seconds"] = [max(alloc - half, 0.0), alloc + half]
    page = typical(found.alloc_page_seconds[name])[0]
    bandwidth, flops = peaks(kernels)
    return replace(
        device,
        kernels=kernels,
        dispatch=times,
        launch_seconds=launch,
        alloc_seconds=page,
        alloc_bytes_per_second=micro.ALLOC_BYTES / (alloc - page) if alloc > page else None,
        bandwidth_bytes_per_second=bandwidth or device.bandwidth_bytes_per_second,
        flops_per_second=flops or device.flops_per_second,
        source=f"hetengine calibrate, {today}",
        kind="measured",
    )


def kernel_table(
    harvest: Harvest, device: str, caches: Sequence[int] = ()
) -> dict[str, KernelCost]:
    """Fit every kernel of a device, each variant on its own and, without history, all together."""
    table: dict[str, KernelCost] = {}
    variants: dict[str, list[Samples]] = defaultdict(list)
    for (owner, key), samples in sorted(harvest.kernels.items()):
        if owner == device:
            variants[key.partition("/")[0]].append(samples)
            table[key] = kernel_cost(samples, caches)
    for kernel, samples in variants.items():
        if kernel not in table:
            table[kernel] = kernel_cost(pooled(samples), caches, history=False)
    return dict(sorted(table.items()))


def peaks(kernels: dict[str, KernelCost]) -> tuple[float, float]:
    """Return the best bytes and flops per second any size class of any kernel reached."""
    classes = [
        read_line(line)
        for key, cost in kernels.items()
        if "/python" not in key
        for line in cost.history
    ]
    bandwidth = max((each.work.nbytes / each.seconds for each in classes), default=0.0)
    return bandwidth, max((each.work.flops / each.seconds for each in classes), default=0.0)


def _link(
    name: str,
    link: LinkConfig,
    host: str,
    harvest: Harvest,
    found: Measured,
    intervals: dict[str, list[float]],
    today: str,
) -> LinkConfig:
    device = next((end for end in link.ends if end != host), link.ends[-1])
    if (device, "up") not in found.copies:
        return link
    rates, latencies, handing_over = {}, [], []
    for way in ("up", "down"):
        seen = harvest.copies.get((device, way), Samples())
        samples = pooled([seen, found.copies[device, way]])
        latency, rate, fitted = copy_cost(samples)
        rates[way] = rate
        latencies.append(latency)
        handing_over += samples.issue_seconds
        kept = rate / fitted.ratios[~fitted.outliers]
        low, high = np.percentile(kept, [5, 95])
        intervals[f"links.{name}.{way}_bytes_per_second"] = [float(low), float(high)]
    both = found.both_bytes_per_second[device]
    up, down = (
        (rates["up"], rates["down"]) if link.ends[0] == host else (rates["down"], rates["up"])
    )
    return replace(
        link,
        up_bytes_per_second=up,
        down_bytes_per_second=down,
        duplex_bytes_per_second=None if both >= _FREE_DUPLEX * (up + down) else max(both, up, down),
        latency_seconds=float(np.mean(latencies)),
        host_seconds=typical(handing_over)[0],
        source=f"hetengine calibrate, {today}",
        kind="measured",
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
