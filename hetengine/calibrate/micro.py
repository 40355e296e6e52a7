"""What probes cannot show: links each way and both at once, empty launches, allocation, disk."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.calibrate.harvest import Samples
from hetengine.device import Buffer, Device, Event
from hetengine.machine import Machine
from hetengine.span import Span
from hetengine.work import Work

REPEATS = 12
COPY_BYTES = (256, 4 << 10, 64 << 10, 512 << 10, 4 << 20, 16 << 20)
"""Sizes of the transfers measured."""
PAGE_BYTES = 4 << 10
ALLOC_BYTES = 32 << 20
"""Sizes of the allocations measured: what one costs by itself, and what its size adds."""

Program = Generator[Any, Any, None]


def run(machine: Machine, program: Program) -> None:
    """Run a program of events to its end."""
    machine.clock.run(machine.clock.process(program))


def copies(
    machine: Machine, device: Device, spans: list[Span], sizes: tuple[int, ...] = COPY_BYTES
) -> tuple[dict[str, Samples], float]:
    """Copy to and from a device, one way at a time and then both ways at once.

    Parameters
    ----------
    machine : Machine
        Open, on the wall clock.
    device : Device
        An accelerator.
    spans : list of Span
        Where the machine's observer puts what ran; emptied.
    sizes : tuple of int
        Bytes of the transfers.

    Returns
    -------
    dict of str to Samples
        Transfers one way at a time, by direction.
    float
        Bytes per second of both ways together when both are busy.
    """
    host = machine.host
    here = {way: host.alloc(f"calibrate.{way}", sizes[-1], np.uint8) for way in ("up", "down")}
    for buffer in here.values():
        device.pin(buffer)
    there = {way: device.alloc(f"calibrate.{way}", sizes[-1], np.uint8) for way in ("up", "down")}

    def copy(way: str, nbytes: int) -> Event:
        ends = (there[way], here[way]) if way == "up" else (here[way], there[way])
        destination, source = (end.section(0, nbytes) for end in ends)
        return device.copy(destination, source)

    def one_way() -> Program:
        for nbytes in sizes:
            for _ in range(REPEATS):
                for way in ("up", "down"):
                    yield copy(way, nbytes)

    def both_ways() -> Program:
        for _ in range(REPEATS):
            yield copy("up", sizes[-1]) & copy("down", sizes[-1])

    run(machine, both_ways())  # touches every page once
    spans.clear()
    run(machine, one_way())
    found = {"up": Samples(), "down": Samples()}
    for span in spans:
        found[span.direction].add(span)
    spans.clear()
    run(machine, both_ways())
    rate = _both_rate(spans, sizes[-1])
    for buffer in there.values():
        device.free(buffer)
    for buffer in here.values():
        host.free(buffer)
    return found, rate


def _both_rate(spans: list[Span], nbytes: int) -> float:
    """Median over pairs of transfers of the bytes both moved over the time both took."""
    ups = [span for span in spans if span.direction == "up"]
    downs = [span for span in spans if span.direction == "down"]
    rates = [
        2 * nbytes / (max(a.end_seconds, b.end_seconds) - min(a.start_seconds, b.start_seconds))
        for a, b in zip(ups, downs, strict=True)
    ]
    return float(np.median(rates))


def launches(machine: Machine, device: Device, spans: list[Span]) -> list[float]:
    """Launch a kernel that has nothing to do; return the seconds of each launch.

    Parameters
    ----------
    machine : Machine
        Open, on the wall clock.
    device : Device
        Where; its ``dense_unpack`` gets a shipment of no columns.
    spans : list of Span
        Where the machine's observer puts what ran; emptied.
    """
    kernel = device.load("dense_unpack")
    area = device.alloc("calibrate.shipment", 512, np.uint8)
    real = np.dtype(np.float32)
    sections = [area.section(0, 0, kind) for kind in (np.dtype(np.int32), real, real)]
    columns = device.alloc("calibrate.columns", (1, 1), real)
    state: list[Buffer] = [device.alloc(f"calibrate.{name}", 1, real) for name in "ahpq"]

    def program() -> Program:
        for _ in range(REPEATS):
            yield device.launch(kernel, (*sections, columns, *state), Work(), category="calibrate")

    run(machine, program())
    spans.clear()
    run(machine, program())
    for buffer in (area, columns, *state):
        device.free(buffer)
    return [span.end_seconds - span.start_seconds for span in spans]


def allocations(device: Device, nbytes: int = ALLOC_BYTES) -> list[float]:
    """Allocate and free; return the seconds of each allocation, zeroing included.

    Parameters
    ----------
    device : Device
        Where.
    nbytes : int
        How much.
    """
    return [
        _timed(lambda: device.free(device.alloc("calibrate", nbytes, np.uint8)))
        for _ in range(REPEATS)
    ]


def disk(folder: Path | None = None, nbytes: int = 64 << 20) -> dict[str, float]:
    """Write a file through to the disk and read it back past the cache where the system allows.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where; the system's temporary folder by default.
    nbytes : int
        Size of the file.

    Returns
    -------
    dict of str to float
        Bytes per second, under ``disk.write_bytes_per_second`` and ``disk.read_bytes_per_second``.
    """
    block = np.random.default_rng(0).bytes(1 << 20)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:

        def write() -> None:
            for _ in range(max(nbytes >> 20, 1)):
                stream.write(block)
            os.fsync(stream.fileno())

        def read() -> None:
            while stream.read(1 << 20):
                pass

        writing = _timed(write)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        stream.seek(0)
        reading = _timed(read)
    size = max(nbytes >> 20, 1) << 20
    return {
        "disk.write_bytes_per_second": size / writing,
        "disk.read_bytes_per_second": size / reading,
    }


def _timed(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
