"""The parts of CuPy that the backend touches, on a pretended machine.

What is not here the backend does not use; an attribute that is missing is an error, as it should.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.cupy.fake_launch import CompileException, RawModule
from tests.cupy.fake_machine import (
    INVALID_DEVICE,
    POISON,
    Command,
    CudaError,
    Machine,
    Range,
    host_bytes,
    now,
)
from tests.cupy.fake_memory import FakeArray, MemoryPool

_TO_DEVICE, _TO_HOST, _WITHIN = 1, 2, 3


class Stream:
    """cupy.cuda.Stream."""

    def __init__(self, machine: Machine, ptr: int, non_blocking: bool = False) -> None:
        self.machine = machine
        self.ptr = ptr
        self.line = machine.line(machine.stack[-1])
        if ptr and not non_blocking:
            machine.fail("a stream that waits for the null stream")

    def synchronize(self) -> None:
        self.machine.drain(self.line)

    def begin_capture(self) -> None:
        if self.ptr == 0:
            self.machine.fail("a capture of the null stream")
        if self.line.captured is not None or self.line.pending:
            self.machine.fail("a capture of a stream that is in use")
        self.line.captured = []

    def end_capture(self) -> Graph:
        captured, self.line.captured = self.line.captured, None
        if captured is None:
            self.machine.fail("ended a capture that was not begun")
            raise AssertionError
        return Graph(self.machine, self.line.device, captured)


class Graph:
    """cupy.cuda.Graph: addresses as they were, to be run any number of times."""

    def __init__(self, machine: Machine, device: int, commands: list[Command]) -> None:
        self.machine = machine
        self.device = device
        self.commands = commands

    def launch(self, stream: Stream) -> None:
        if stream.line.device != self.device:
            self.machine.fail("a graph launched on another device's stream")
        for command in self.commands:
            fresh = Command(command.name, command.run, command.ranges)
            self.machine.enqueue(stream.line, fresh)


class Event:
    """cupy.cuda.Event."""

    def __init__(self, machine: Machine, block: bool = False) -> None:
        self.machine = machine
        self.device = machine.stack[-1]
        self.block = block
        self.line: Any = None
        self.command: Command | None = None
        self.seconds = math.nan

    def record(self, stream: Stream) -> None:
        if self.device != stream.line.device:
            self.machine.fail("an event recorded on another device's stream")
        if stream.line.captured is not None:
            self.machine.fail("an event recorded into a capture has no time")
        self.seconds = math.nan
        self.line = stream.line
        command = Command("event", self._stamp)
        self.command = self.machine.enqueue(stream.line, command)

    def synchronize(self) -> None:
        if self.command is None:
            self.machine.fail("waited for an event that was never recorded")
        self.machine.drain(self.line, self.command)

    def _stamp(self) -> None:
        self.seconds = now()


def get_elapsed_time(start: Event, end: Event) -> float:
    """cupy.cuda.get_elapsed_time, in milliseconds."""
    for event in (start, end):
        if event.command is None or not event.command.done:
            start.machine.fail("asked for the time of an event that has not happened")
    if end.seconds < start.seconds:
        start.machine.fail("a pair of events the wrong way round")
    return (end.seconds - start.seconds) * 1e3


class Device:
    """cupy.cuda.Device."""

    def __init__(self, machine: Machine, index: int) -> None:
        if not 0 <= index < machine.devices:
            raise CudaError(INVALID_DEVICE, "invalid device ordinal")
        self.machine = machine
        self.id = index

    def __enter__(self) -> Device:
        self.machine.stack.append(self.id)
        return self

    def __exit__(self, *error: object) -> None:
        self.machine.stack.pop()


class Runtime:
    """cupy.cuda.runtime."""

    memcpyHostToDevice, memcpyDeviceToHost = _TO_DEVICE, _TO_HOST  # noqa: N815
    memcpyDeviceToDevice = _WITHIN  # noqa: N815
    CUDARuntimeError = CudaError

    def __init__(self, machine: Machine, streams: dict[int, Stream]) -> None:
        self._machine = machine
        self._streams = streams
        self.hostRegister = lambda ptr, size, flags: machine.register(ptr, size)
        self.hostUnregister = machine.unregister
        self.driverGetVersion = lambda: machine.driver
        self.runtimeGetVersion = lambda: machine.runtime

    def getDeviceCount(self) -> int:  # noqa: N802
        if not self._machine.devices:
            raise CudaError(100, "no CUDA-capable device is detected")
        return self._machine.devices

    def getDeviceProperties(self, index: int) -> dict[str, Any]:  # noqa: N802
        return {
            "name": f"Pretended GPU {'AB'[index % 2]}".encode(),
            "multiProcessorCount": 2,
            "major": 9,
            "minor": 0,
            "totalGlobalMem": self._machine.device_bytes,
        }

    def memsetAsync(self, ptr: int, value: int, size: int, stream: int) -> None:  # noqa: N802
        machine = self._machine
        device = machine.stack[-1]

        def run() -> None:
            machine.resolve(ptr, size, device, "memset")[:] = value

        line = self._line(stream)
        machine.enqueue(line, Command("memset", run, (Range(ptr, size, True),)))

    def memcpyAsync(self, to: int, fro: int, size: int, kind: int, stream: int) -> None:  # noqa: N802
        machine, line = self._machine, self._line(stream)
        if line.captured is not None:
            machine.fail("a copy in a capture")
        if kind == _WITHIN:
            self._copy_within(to, fro, size, line)
            return
        host, there = (fro, to) if kind == _TO_DEVICE else (to, fro)
        seen = host_bytes(host, size).copy()

        def run() -> None:
            device = machine.resolve(there, size, line.device, "memcpy")
            here = host_bytes(host, size)
            if kind == _TO_HOST:
                here[:] = device
            elif not np.array_equal(here, seen):
                machine.fail("the source of a copy changed before it had run")
            else:
                device[:] = here

        inwards = kind == _TO_DEVICE
        ranges = (Range(there, size, inwards), Range(host, size, not inwards))
        machine.enqueue(line, Command("memcpy", run, ranges))
        if kind == _TO_HOST:
            host_bytes(host, size)[:] = POISON
        if not machine.pinned(host, size):
            machine.staged += 1
            machine.drain(line)

    def _copy_within(self, to: int, fro: int, size: int, line: Any) -> None:
        machine = self._machine

        def run() -> None:
            source = machine.resolve(fro, size, line.device, "memcpy")
            machine.resolve(to, size, line.device, "memcpy")[:] = source

        ranges = (Range(to, size, True), Range(fro, size, False))
        machine.enqueue(line, Command("memcpy", run, ranges))

    def _line(self, stream: int) -> Any:
        # Each device has a null stream of its own.
        key = -1 - self._machine.stack[-1] if stream == 0 else stream
        if key not in self._streams:
            self._machine.fail(f"no stream has the handle {stream}")
        return self._streams[key].line


def make_cupy(machine: Machine) -> Any:
    """Return a module that stands in for CuPy on this machine."""
    streams: dict[int, Stream] = {}
    numbers = itertools.count(1)

    def stream(non_blocking: bool = False) -> Stream:
        made = Stream(machine, next(numbers), non_blocking)
        streams[made.ptr] = made
        return made

    for index in range(machine.devices):
        with Device(machine, index):
            streams[-1 - index] = Stream(machine, 0)

    class Null:
        """The null stream of whatever device is current."""

        ptr = 0

        @staticmethod
        def synchronize() -> None:
            streams[-1 - machine.stack[-1]].synchronize()

    stream.null = Null  # pyright: ignore[reportFunctionMemberAccess]

    def compiler_version() -> tuple[int, int]:
        if machine.compiler is None:
            raise RuntimeError("CuPy failed to load libnvrtc.so.13: OSError: cannot open\nit")
        return machine.compiler

    cuda = SimpleNamespace(
        Device=partial(Device, machine),
        Event=partial(Event, machine),
        MemoryPool=partial(MemoryPool, machine),
        Stream=stream,
        compiler=SimpleNamespace(CompileException=CompileException),
        get_elapsed_time=get_elapsed_time,
        nvrtc=SimpleNamespace(getVersion=compiler_version),
        runtime=Runtime(machine, streams),
    )
    return SimpleNamespace(
        __version__="14.2.0", RawModule=partial(RawModule, machine), cuda=cuda, ndarray=FakeArray
    )
