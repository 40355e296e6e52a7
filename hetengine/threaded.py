"""A device whose queues are threads: the base of the backends that compute for real.

Each queue is one thread that takes commands in order, waits for what they depend on, runs them and
posts their completion to the wall clock. A backend supplies storage, transfer and kernels.
"""

from __future__ import annotations

import abc
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import simpy
from numpy.typing import DTypeLike

from hetengine.clock import WallClock, passive
from hetengine.device import Buffer, Device, Event, HostFunction, Kernel
from hetengine.errors import DeviceFailure, HetengineError, OutOfCapacity, UsageError
from hetengine.leases import give_back_all, take_all
from hetengine.span import Observer, Span
from hetengine.topology import DeviceSpec
from hetengine.work import Work, WorkOf

COMPUTE, UP, DOWN = "compute", "up", "down"


class Latch:
    """Opened once by one thread; others wait until it is.

    Attributes
    ----------
    error : Exception or None
        What it was opened with, raised from every `wait`.
    """

    __slots__ = ("_lock", "error")

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    @property
    def opened(self) -> bool:
        """Whether it has been opened."""
        return not self._lock.locked()

    def open(self, error: Exception | None = None) -> None:
        """Let everybody pass."""
        self.error = error
        self._lock.release()

    def wait(self) -> None:
        """Return once it is open; raise its error."""
        with self._lock:
            pass
        if self.error is not None:
            raise self.error


class Completion(Event):
    """Event of a threaded device, which other threads can wait for as well.

    Attributes
    ----------
    latch : Latch
        Opens when the command has ended.
    """

    def __init__(self, clock: WallClock, label: str) -> None:
        super().__init__(clock, label)
        self.latch = Latch()


@dataclass(frozen=True, slots=True)
class Timed:
    """What a command found, with the device's own account of how long it ran.

    Kernels and `ThreadedDevice.transfer` may return one; without it the thread's time counts.

    Attributes
    ----------
    value : object
        Value of the command's event.
    seconds : float
        Time on the device, which ended when the command returned.
    """

    value: Any
    seconds: float


class InOrderQueue:
    """One in-order queue and its thread, started by the first command.

    Parameters
    ----------
    name : str
        Of the thread.
    begin : callable, optional
        Called on the thread before its first command.
    """

    def __init__(self, name: str, begin: Callable[[], None] | None = None) -> None:
        self._name = name
        self._begin = begin
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, command: Callable[[], None]) -> None:
        """Add a command."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._commands.put(command)

    def close(self) -> None:
        """Stop the thread after what it has been given."""
        if self._thread is not None:
            self._commands.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        if self._begin is not None:
            self._begin()
        while (command := self._commands.get()) is not None:
            command()
            del command  # its buffers must not outlive it until the next command comes


class ThreadedDevice(Device):
    """Run commands on threads and time them there; see `hetengine.device.Device` for the verbs."""

    clock: WallClock

    def __init__(self, spec: DeviceSpec, clock: WallClock, observe: Observer) -> None:
        super().__init__(spec, clock)
        self._observe = observe
        self._queues = {
            name: InOrderQueue(f"{spec.name}.{name}", partial(self.begin_thread, name))
            for name in (COMPUTE, UP, DOWN)
        }
        self._closed = False

    def begin_thread(self, queue: str) -> None:
        """Do what the thread of a queue needs; called there before its first command."""

    @property
    def computes_alone(self) -> bool:
        """Whether the processor time of a queue's thread is all that its commands take."""
        return False

    @property
    def runs_anywhere(self) -> bool:
        """Whether its commands may run on any thread, not only on those of its queues."""
        return False

    @abc.abstractmethod
    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return zeroed native storage."""

    @abc.abstractmethod
    def transfer(self, destination: Buffer, source: Buffer) -> Timed | None:
        """Copy between this device and another and return when it is done."""

    def alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Reserve zeroed memory, counted against the capacity."""
        self._check_open()
        extent = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(length < 0 for length in extent):
            raise UsageError(f"{self.name}: {label} has shape {extent}; extents must be at least 0")
        buffer = Buffer(self, None, extent, dtype, label)
        self.memory.reserve(label, buffer.nbytes)
        try:
            buffer.array = self.allocate(extent, dtype)
        except BaseException as error:
            self.memory.release(label, buffer.nbytes)
            if isinstance(error, MemoryError):
                raise OutOfCapacity(
                    f"{self.name}: {label} needs {buffer.nbytes:,} bytes and this machine has not "
                    f"that much free ({error}); lower topology.devices.{self.name}.capacity_bytes "
                    "or memory_fraction"
                ) from error
            raise
        return buffer

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue."""
        buffers = [a for a in args if isinstance(a, Buffer)]
        self._check_launch(kernel, buffers)
        native = [a.array if isinstance(a, Buffer) else a for a in args]
        event = Completion(self.clock, kernel.name)
        return self._enqueue(
            event, COMPUTE, lambda: kernel(*native), work, after, category, buffers
        )

    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "copy",
    ) -> Event:
        """Enqueue a transfer; up is away from the host."""
        if destination.nbytes != source.nbytes or destination.dtype != source.dtype:
            raise UsageError(
                f"{self.name}: cannot copy {source.label}, {source.nbytes} bytes of "
                f"{source.dtype}, into {destination.label}, {destination.nbytes} of "
                f"{destination.dtype}; take sections alike"
            )
        inwards = destination.device is self
        if inwards == (source.device is self):
            raise UsageError(
                f"{self.name}: cannot copy {source.label} from {source.device.name} to "
                f"{destination.device.name}; exactly one end must be {self.name}"
            )
        direction = UP if inwards != (self.spec.role == "host") else DOWN
        nbytes = source.nbytes
        work = Work(bytes_read=nbytes, bytes_written=nbytes)
        event = Completion(self.clock, source.label)
        buffers = [destination, source]
        return self._enqueue(
            event,
            direction,
            lambda: self.transfer(destination, source),
            work,
            after,
            category,
            buffers,
        )

    def synchronize(self) -> simpy.Event:
        """Return an event that fires when everything enqueued so far has run."""
        marks = [
            self._enqueue(
                Completion(self.clock, "synchronize"), name, lambda: None, None, (), "", []
            )
            for name in self._queues
        ]
        return simpy.AllOf(self.clock, marks)

    def close(self) -> None:
        """Stop the threads after what they have been given."""
        self._closed = True
        self.clock.hand_on()
        for each in self._queues.values():
            each.close()

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.name}: the device is closed; open the machine again")

    def _check_launch(self, kernel: Kernel, buffers: list[Buffer]) -> None:
        if isinstance(kernel, HostFunction) and self.spec.role != "host":
            raise UsageError(
                f"{self.name}: {kernel.name} is a host function; launch it on the host"
            )
        for buffer in buffers:
            if buffer.device is not self:
                raise UsageError(
                    f"{self.name}: {kernel.name} got {buffer.label}, which is on "
                    f"{buffer.device.name}; copy it first"
                )

    def _enqueue(
        self,
        event: Completion,
        name: str,
        function: Callable[[], Any],
        work: WorkOf | None,
        after: Iterable[simpy.Event],
        category: str,
        buffers: list[Buffer],
    ) -> Completion:
        self._check_open()
        taken = take_all(buffers)
        waits = [_latch_of(each) for each in after]
        self.clock.expect()

        def run() -> None:
            value, error = None, None
            try:
                for wait in waits:
                    wait.wait()
                event.start_seconds = self.clock.wall()
                begun = time.thread_time()
                value = function()
                busy = time.thread_time() - begun if self.computes_alone else None
                event.end_seconds = self.clock.wall()
                if isinstance(value, Timed):
                    busy = value.seconds
                    event.start_seconds = max(event.start_seconds, event.end_seconds - busy)
                    value = value.value
                if work is not None:
                    amount = work(value) if callable(work) else work
                    self._report(event, name, category, amount, busy)
            except Exception as caught:  # the error travels in the event
                error = _failure(self.name, event.label, caught)
            give_back_all(taken)
            event.latch.open(error)
            self.clock.post(event, value, error)

        event.issued_seconds = self.clock.wall()
        event.issue_seconds = self.clock.lap()
        ready = self.runs_anywhere and all(wait.opened for wait in waits)
        self.clock.give(run, self._queues[name].put, ready)
        return event

    def _report(
        self, event: Completion, name: str, category: str, work: Work, busy: float | None
    ) -> None:
        direction = "" if name == COMPUTE else name
        self._observe(
            Span(
                self.name,
                name,
                event.label,
                category,
                event.start_seconds,
                event.end_seconds,
                work,
                direction,
                event.issued_seconds,
                event.issue_seconds,
                busy,
            )
        )


def _failure(device: str, label: str, caught: Exception) -> Exception:
    if isinstance(caught, DeviceFailure):
        caught.blame(device)
    if isinstance(caught, HetengineError):
        return caught
    what = " ".join(f"{type(caught).__name__}: {caught}".split())
    failure = DeviceFailure(f"{device}: {label} failed: {what}", device)
    failure.__cause__ = caught
    return failure


@passive
def _defuse(fired: simpy.Event) -> None:
    """Mark a failure as passed on: the command that came after fails with it."""
    fired.defused = True


def _latch_of(event: simpy.Event) -> Latch:
    """Make any event of the clock something a thread can wait for."""
    if isinstance(event, Completion):
        if event.callbacks is not None:
            event.callbacks.append(_defuse)
        return event.latch
    latch = Latch()

    def fire(fired: simpy.Event) -> None:
        if not fired.ok:
            fired.defused = True
        latch.open(None if fired.ok else fired.value)

    if event.callbacks is None:
        fire(event)
    else:
        event.callbacks.append(fire)
    return latch
