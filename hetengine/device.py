"""The device API: a handful of verbs every backend and the simulated machine implement.

The verbs: alloc, free, copy, load, launch, record, synchronize, close. Every enqueue returns an
`Event` of the run's clock; dependencies are explicit (``after=``); every launch carries its `Work`,
which feeds the cost model, the roofline and the trace alike. A kernel is a name with one
implementation per backend.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import Clock
from hetengine.errors import UsageError
from hetengine.leases import Leases
from hetengine.memory import Ledger
from hetengine.topology import DeviceSpec
from hetengine.work import WorkOf

if TYPE_CHECKING:
    from hetengine.program import Program, Step


class Event(simpy.Event):
    """Completion of one device command, on the run's clock.

    Attributes
    ----------
    label : str
        What ran.
    start_seconds, end_seconds : float
        When the command itself ran, by the device's own account; NaN until it has.
    issued_seconds, issue_seconds : float
        When the program handed it over, and how long the program took to come to that.
    """

    def __init__(self, clock: Clock, label: str) -> None:
        super().__init__(clock)
        self.label = label
        self.issued_seconds = float("nan")
        self.issue_seconds = 0.0
        self.start_seconds = float("nan")
        self.end_seconds = float("nan")

    @property
    def seconds(self) -> float:
        """Time the command itself took."""
        return self.end_seconds - self.start_seconds


class Buffer:
    """A typed piece of one device's memory; views share it and keep it alive.

    Attributes
    ----------
    device : Device
        Owner.
    array : object
        Native storage: a NumPy array on CPU and simulated devices.
    shape : tuple of int
        Extent, in elements.
    dtype : numpy.dtype
        Element type.
    label : str
        What it holds, for messages and traces.
    """

    __slots__ = ("array", "base", "device", "dtype", "label", "shape")

    def __init__(
        self,
        device: Device,
        array: Any,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        label: str,
        base: Buffer | None = None,
    ) -> None:
        self.device = device
        self.array = array
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.label = label
        self.base = base

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def section(self, offset: int, count: int, dtype: DTypeLike | None = None) -> Buffer:
        """Return a one-dimensional view of part of this buffer.

        Parameters
        ----------
        offset : int
            First byte; a multiple of 256 unless it is 0.
        count : int
            Elements of ``dtype``.
        dtype : dtype, optional
            Element type of the view; that of the buffer by default.
        """
        kind = self.dtype if dtype is None else np.dtype(dtype)
        array = self.device.view(self, offset, count, kind)
        return Buffer(self.device, array, (count,), kind, self.label, base=self)


class Kernel(Protocol):
    """A loaded kernel: callable on native arrays and scalars, returning a plain value or None."""

    @property
    def name(self) -> str:
        """Name in traces."""
        ...

    def __call__(self, *args: Any) -> Any:
        """Run to completion on the calling thread."""
        ...


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A plain Python function as a kernel, for work the host does in NumPy.

    Attributes
    ----------
    name : str
        Name in traces.
    function : callable
        What runs.
    decides : bool
        Whether it takes a decision the run depends on; decisions are taken in ``mode=dry`` too.
    nominal : object
        Value of the launch where numerics are skipped.
    """

    name: str
    function: Callable[..., Any]
    decides: bool = False
    nominal: Any = None

    def __call__(self, *args: Any) -> Any:
        """Run to completion on the calling thread."""
        return self.function(*args)


class Device(abc.ABC):
    """One processor and its memory; see the module for the verbs.

    Parameters
    ----------
    spec : DeviceSpec
        Its entry in the topology.
    clock : Clock
        The run's clock.

    Attributes
    ----------
    facts : dict
        What the device found out about itself, for instance ``driver`` or ``launch_seconds``.
    """

    def __init__(self, spec: DeviceSpec, clock: Clock) -> None:
        self.spec = spec
        self.clock = clock
        self.memory = Ledger(spec.name, spec.capacity_bytes)
        self.leases = Leases(self._release)
        self.facts: dict[str, str | int | float] = {}

    @property
    def name(self) -> str:
        """Name in the topology."""
        return self.spec.name

    @abc.abstractmethod
    def alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Reserve zeroed memory, counted against the capacity.

        Raises
        ------
        OutOfCapacity
            Before anything happens, naming the holders of the memory.
        """

    def free(self, buffer: Buffer) -> None:
        """Give memory back once every command that uses it has run.

        Raises
        ------
        UsageError
            If it is a section, belongs to another device, or has been freed before.
        """
        if buffer.device is not self:
            raise UsageError(
                f"{self.name}: cannot free {buffer.label}, a buffer of {buffer.device.name}"
            )
        self.leases.free(buffer)

    def _release(self, buffer: Buffer) -> None:
        buffer.array = None
        self.memory.release(buffer.label, buffer.nbytes)

    @abc.abstractmethod
    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> Any:
        """Native one-dimensional view of a buffer; use `Buffer.section`."""

    @abc.abstractmethod
    def load(self, name: str) -> Kernel:
        """Find the implementation of a kernel by name, compiled and ready to launch.

        Raises
        ------
        UsageError
            If this backend has no kernel of that name.
        """

    @abc.abstractmethod
    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue, in order.

        Parameters
        ----------
        kernel : Kernel
            From `load`, or a `HostFunction` (host devices only).
        args : sequence
            Buffers and scalars.
        work : Work or callable
            What it has to do; a callable gets the kernel's result.
        after : iterable of Event
            Commands of other queues that must have run before.
        category : str
            Phase it is accounted under, for instance ``solve``.

        Returns
        -------
        Event
            Fires with the kernel's result, or fails with what it raised.
        """

    def record(self, name: str, steps: Sequence[Step]) -> Program:
        """Make one kernel of a fixed sequence of launches; see `hetengine.program.Program`.

        Nothing runs yet. Launch it with its own buffers and work:
        ``device.launch(program, program.buffers, program.work)``.

        Raises
        ------
        UsageError
            If there is no step, or one cannot be launched here.
        """
        from hetengine.program import Program

        return Program(self, name, steps)

    @abc.abstractmethod
    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "copy",
    ) -> Event:
        """Enqueue a transfer of ``source.nbytes`` between this device and another.

        Both buffers are kept alive until the event has fired. Transfers each way run in order on a
        queue of their own.
        """

    def pin(self, buffer: Buffer) -> None:
        """Prepare a host buffer for fast transfers to and from this device, before its first use.

        The storage of the buffer may be replaced, so sections must be taken afterwards. Devices
        for which this means nothing do nothing.

        Parameters
        ----------
        buffer : Buffer
            Of the host.

        Raises
        ------
        UsageError
            If it has been freed.
        """
        buffer.device.leases.check(buffer, "pin")

    @abc.abstractmethod
    def synchronize(self) -> simpy.Event:
        """Return an event that fires when everything enqueued so far has run."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release threads and memory; the device cannot be used afterwards."""
