# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""A device whose memory and arithmetic are PyTorch's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import simpy
import torch
from numpy.typing import DTypeLike

from hetengine.clock import WallClock
from hetengine.device import Buffer, Event, HostFunction, Kernel
from hetengine.errors import BackendUnavailable, UsageError
from hetengine.span import Observer
from hetengine.threaded import COMPUTE, DOWN, UP, ThreadedDevice, Timed
from hetengine.topology import DeviceSpec
from hetengine.work import WorkOf


class Threads:
    """PyTorch's one number of CPU threads per process, held by what computes at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before = 0

    def take(self, owner: str, count: int) -> None:
        """Set the number until it is given back as often as taken.

        Parameters
        ----------
        owner : str
            Key of the device in the configuration, for the message.
        count : int
            Threads.

        Raises
        ------
        UsageError
            If another holder computes with another number.
        """
        with self._lock:
            now = torch.get_num_threads()
            if self._holders and now != count:
                raise UsageError(
                    f"{owner}.threads={count}, but PyTorch computes with {now} for another device, "
                    "and has one number of threads per process; give all of them the same"
                )
            if not self._holders:
                self._before = now
                torch.set_num_threads(count)
            self._holders += 1

    def give_back(self) -> None:
        """Restore what was set before the first device."""
        with self._lock:
            self._holders -= 1
            if not self._holders:
                torch.set_num_threads(self._before)


THREADS = Threads()
"""Of this process."""


def choose(spec: DeviceSpec, kind: str) -> torch.device:
    """Return the PyTorch device a topology means.

    Parameters
    ----------
    spec : DeviceSpec
        Its ``index`` counts GPUs.
    kind : {'auto', 'cpu', 'cuda'}
        ``auto`` takes a GPU if there is one.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    """
    owner, count = f"topology.devices.{spec.name}", torch.cuda.device_count()
    if kind == "cpu" or (kind == "auto" and count == 0):
        if spec.index:
            raise BackendUnavailable(
                f"{owner}.index={spec.index}: PyTorch has one CPU device; name as many devices as "
                "you like with index 0"
            )
        return torch.device("cpu")
    if not count:
        raise BackendUnavailable(
            f"{owner}.options.device=cuda: this PyTorch ({torch.__version__}) sees no GPU; install "
            "a CUDA build and driver, or type options.device: cpu"
        )
    if spec.index >= count:
        raise BackendUnavailable(
            f"{owner}.index={spec.index}: there are {count} GPUs; set index to at most {count - 1}"
        )
    return torch.device("cuda", spec.index)


class TorchDevice(ThreadedDevice):
    """The CPU or one GPU as PyTorch reaches it, limited to the capacity of the topology.

    Parameters
    ----------
    spec : DeviceSpec
        Entry in the topology.
    clock : WallClock
        The run's clock.
    observe : callable
        Receives the span of each command.
    place : torch.device
        Where it computes.

    Raises
    ------
    UsageError
        If another open device computes with another number of CPU threads.
    """

    def __init__(
        self, spec: DeviceSpec, clock: WallClock, observe: Observer, place: torch.device
    ) -> None:
        super().__init__(spec, clock, observe)
        self.place = place
        THREADS.take(f"topology.devices.{spec.name}", spec.threads)
        queues = (COMPUTE, UP, DOWN) if place.type == "cuda" else ()
        self._streams = {name: torch.cuda.Stream(place) for name in queues}
        self.facts |= {"device": str(place), "torch": str(torch.__version__)}

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> torch.Tensor:
        """Return a zeroed tensor."""
        try:
            made = torch.zeros(shape, dtype=torch_dtype(dtype), device=self.place)
        except torch.OutOfMemoryError as error:
            raise MemoryError(" ".join(str(error).split())) from error
        if self._streams:  # the zeros have to be there before another stream writes over them
            torch.cuda.current_stream(self.place).synchronize()
        return made

    def run(self, function: Callable[[], None], queue: str = COMPUTE) -> Timed | None:
        """Run something to completion on the calling thread, timed by a GPU itself.

        Parameters
        ----------
        function : callable
            Calls PyTorch.
        queue : str
            Whose stream it is enqueued on.
        """
        stream = self._streams.get(queue)
        if stream is None:
            function()
            return None
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.cuda.device(self.place), torch.cuda.stream(stream):
            begun.record(stream)
            function()
            ended.record(stream)
            ended.synchronize()
        return Timed(None, begun.elapsed_time(ended) / 1000.0)

    def transfer(self, destination: Buffer, source: Buffer) -> Timed | None:
        """Copy between this device's memory and NumPy's."""
        inwards = destination.device is self
        host = (source if inwards else destination).array
        if not isinstance(host, np.ndarray):
            raise UsageError(
                f"{self.name}: cannot copy {source.label} from {source.device.name} to "
                f"{destination.device.name}, of which neither is host memory; copy it through the "
                "host"
            )
        if source.nbytes == 0:
            return None
        there = torch.from_numpy(host).reshape(-1)
        here = (destination if inwards else source).array.reshape(-1)
        to, fro = (here, there) if inwards else (there, here)
        return self.run(lambda: _copy(to, fro), UP if inwards else DOWN)

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue.

        Raises
        ------
        UsageError
            If it is a function of the host, or an argument is an array of the host.
        """
        if isinstance(kernel, HostFunction) or any(isinstance(a, np.ndarray) for a in args):
            raise UsageError(
                f"{self.name}: {kernel.name} works on the host's memory; launch it on the host"
            )
        return super().launch(kernel, args, work, after=after, category=category)

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> torch.Tensor:
        """Return a typed view of part of a buffer.

        Raises
        ------
        UsageError
            If the view ends beyond the buffer, or the buffer has been freed.
        """
        self.leases.check(buffer, "view")
        end = offset + count * dtype.itemsize
        if offset < 0 or count < 0 or end > buffer.nbytes:
            raise UsageError(
                f"{self.name}: section [{offset}, {end}) of {buffer.label} is not within its "
                f"{buffer.nbytes} bytes"
            )
        raw = buffer.array.reshape(-1).view(torch.uint8)
        return raw[offset:end].view(torch_dtype(dtype))

    def load(self, name: str) -> Kernel:
        """Refuse: there are no kernels by name.

        Raises
        ------
        UsageError
            Always, with what to use instead.
        """
        raise UsageError(
            f"{self.name}: the torch backend trains PyTorch modules only and has no kernel "
            f"{name!r}; use another backend, or give a hetengine_torch.TorchModel"
        )

    def pin(self, buffer: Buffer) -> None:
        """Move a host buffer to page-locked memory, from which a GPU copies without staging.

        Sections must be taken afterwards. Raises UsageError if the buffer has been freed.
        """
        super().pin(buffer)
        if not self._streams or not isinstance(buffer.array, np.ndarray) or not buffer.nbytes:
            return
        pinned = torch.empty(buffer.nbytes, dtype=torch.uint8, pin_memory=True).numpy()
        array = pinned.view(buffer.dtype).reshape(buffer.shape)
        array[...] = buffer.array
        buffer.array = array

    def close(self) -> None:
        """Stop the threads after what they have been given."""
        already = self._closed
        super().close()
        if not already:
            THREADS.give_back()


def _copy(to: torch.Tensor, fro: torch.Tensor) -> None:
    to.copy_(fro, non_blocking=True)


def torch_dtype(dtype: DTypeLike) -> torch.dtype:
    """Return PyTorch's name of a NumPy type.

    Raises
    ------
    TypeError
        If PyTorch has none.

    Examples
    --------
    >>> torch_dtype(np.float32)
    torch.float32
    """
    return torch.from_numpy(np.empty(0, dtype)).dtype
