"""A pretended CUDA machine: what its streams have still to run, and who owns which address.

Nothing runs until the host waits for it, which is the least a GPU may do, and memory that has been
given back is never handed out again: so a missing wait, a race between streams, a use after free or
a source that changes under a copy shows up every time. A broken rule raises `Violation` and is
kept, because it may be raised on a thread that passes it on as something else.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

POISON = 0xCB
PAGE = 4096
GRAIN = 512
INVALID_VALUE, OUT_OF_MEMORY, INVALID_DEVICE = 1, 2, 101
ALREADY_REGISTERED, NOT_REGISTERED, NOT_SUPPORTED = 712, 713, 801


class Violation(AssertionError):
    """A rule of CUDA was broken."""


class CudaError(RuntimeError):
    """What CuPy raises for a status of the runtime."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(f"cudaError {status}: {message}")
        self.status = status


class FakeOutOfMemoryError(MemoryError):
    """What CuPy's pool raises."""


@dataclass(frozen=True)
class Range:
    """Bytes that a command touches, on a device or on the host."""

    address: int
    nbytes: int
    writes: bool

    def meets(self, other: Range) -> bool:
        """Whether the two overlap and one of them writes."""
        apart = (
            self.address + self.nbytes <= other.address
            or other.address + other.nbytes <= self.address
        )
        return not apart and (self.writes or other.writes)


@dataclass(eq=False)
class Block:
    """One allocation on a device."""

    address: int
    nbytes: int
    device: int
    storage: np.ndarray | None


@dataclass(eq=False)
class Command:
    """One entry of a stream."""

    name: str
    run: Callable[[], None]
    ranges: tuple[Range, ...] = ()
    done: bool = False


@dataclass(eq=False)
class Line:
    """What one stream has still to do, and what a capture of it has seen."""

    device: int
    pending: deque[Command] = field(default_factory=deque)
    lock: threading.RLock = field(default_factory=threading.RLock)
    captured: list[Command] | None = None


class Machine:
    """Devices, addresses, streams and the rules they obey.

    ``device_bytes`` is the memory of each device; ``driver`` and ``runtime`` are CUDA versions.
    """

    def __init__(self, devices: int = 1, device_bytes: int = 1 << 26, driver: int = 13000) -> None:
        self.devices = devices
        self.device_bytes = device_bytes
        self.driver = driver
        self.runtime = 13000
        self.compiler: tuple[int, int] | None = (13, 0)
        self.broken_source = False
        self.forbids_pinning = False
        self.violations: list[str] = []
        self.launched: list[str] = []
        self.staged = 0
        self.registered: dict[int, int] = {}
        self.taken_bytes = [0] * devices
        self.lock = threading.RLock()
        self._lines: list[Line] = []
        self._blocks: list[Block] = []
        self._next = 1 << 44
        self._local = threading.local()

    # The current device, a setting of each thread.

    @property
    def stack(self) -> list[int]:
        """Devices the calling thread has made current, the innermost last."""
        if not hasattr(self._local, "stack"):
            self._local.stack = [0]
        return self._local.stack

    def require_current(self, device: int, what: str) -> None:
        """Refuse a call while another device is current."""
        if self.stack[-1] != device:
            self.fail(f"{what} belongs to device {device}, current is device {self.stack[-1]}")

    def fail(self, message: str) -> None:
        """Note and raise a broken rule."""
        self.violations.append(message)
        raise Violation(message)

    # Device memory.

    def take(self, nbytes: int, device: int) -> Block:
        """Hand out memory at an address never used before, full of rubbish."""
        with self.lock:
            if self.taken_bytes[device] + nbytes > self.device_bytes:
                raise CudaError(OUT_OF_MEMORY, "out of memory")
            self.taken_bytes[device] += nbytes
            block = Block(self._next, nbytes, device, np.full(nbytes, POISON, np.uint8))
            self._next += nbytes + PAGE
            self._blocks.append(block)
            return block

    def drop(self, block: Block) -> None:
        """Make an address invalid; its bytes stay with the pool."""
        block.storage = None

    def give_back(self, nbytes: int, device: int) -> None:
        """Return bytes to the device."""
        with self.lock:
            self.taken_bytes[device] -= nbytes

    def resolve(self, address: int, nbytes: int, device: int, what: str) -> np.ndarray:
        """Return device memory as bytes, or say what is wrong with the address."""
        if nbytes == 0:
            return np.empty(0, np.uint8)
        for block in self._blocks:
            if block.address <= address < block.address + max(block.nbytes, 1):
                if block.storage is None:
                    self.fail(f"{what}: use after free at {address:#x}")
                if block.device != device:
                    self.fail(f"{what}: memory of device {block.device} used on device {device}")
                first = address - block.address
                if first + nbytes > block.nbytes:
                    self.fail(f"{what}: {nbytes} bytes at {address:#x} end beyond their block")
                assert block.storage is not None
                return block.storage[first : first + nbytes]
        self.fail(f"{what}: {address:#x} is no device address")
        raise AssertionError

    # Host memory.

    def register(self, address: int, nbytes: int) -> None:
        """Pin whole pages."""
        if self.forbids_pinning:
            raise CudaError(NOT_SUPPORTED, "operation not supported")
        with self.lock:
            for other, size in self.registered.items():
                if address // PAGE <= (other + size - 1) // PAGE and other // PAGE <= (
                    (address + nbytes - 1) // PAGE
                ):
                    raise CudaError(ALREADY_REGISTERED, "already registered")
            self.registered[address] = nbytes

    def unregister(self, address: int) -> None:
        """Unpin, unless a command still needs it."""
        with self.lock:
            if address not in self.registered:
                raise CudaError(NOT_REGISTERED, "not registered")
            mine = Range(address, self.registered[address], True)
            if any(mine.meets(each) for line in self._lines for each in _ranges(line.pending)):
                self.fail(f"unregistered {address:#x} while a command uses it")
            del self.registered[address]

    def pinned(self, address: int, nbytes: int) -> bool:
        """Whether a piece of host memory is pinned as a whole."""
        for first, size in self.registered.items():
            if first <= address and address + nbytes <= first + size:
                return True
            if Range(first, size, True).meets(Range(address, nbytes, True)):
                raise CudaError(INVALID_VALUE, "a copy begins or ends outside its pinned memory")
        return False

    # Streams.

    def line(self, device: int) -> Line:
        """Make a stream."""
        line = Line(device)
        with self.lock:
            self._lines.append(line)
        return line

    def enqueue(self, line: Line, command: Command) -> Command:
        """Append to a stream, unless another stream is at the same memory."""
        self.require_current(line.device, f"{command.name}: the stream")
        if line.captured is not None:
            line.captured.append(command)
            return command
        with self.lock:
            for other in self._lines:
                if other is not line and any(
                    a.meets(b) for a in command.ranges for b in _ranges(other.pending)
                ):
                    self.fail(f"{command.name} races with a command of another stream")
            line.pending.append(command)
        return command

    def drain(self, line: Line, until: Command | None = None) -> None:
        """Run a stream up to a command, or to its end."""
        if line.captured is not None:
            self.fail("waited for a stream that is being captured")
        with line.lock:
            while line.pending and not (until is not None and until.done):
                command = line.pending[0]
                try:
                    command.run()
                finally:
                    command.done = True
                    line.pending.popleft()

    def check_idle(self) -> None:
        """Refuse work that nobody waited for."""
        left = [command.name for line in self._lines for command in line.pending]
        if left:
            self.fail(f"nobody waited for {left}")
        if any(line.captured is not None for line in self._lines):
            self.fail("a capture was begun and never ended")


def _ranges(commands: Iterable[Command]) -> list[Range]:
    return [each for command in list(commands) for each in command.ranges]


def host_bytes(address: int, nbytes: int) -> np.ndarray:
    """Look at host memory by its address."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))


def now() -> float:
    """Device time in seconds."""
    return time.perf_counter()
