"""A host and a device under test on one wall clock, with the moves every test makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import simpy

from hetengine.clock import WallClock
from hetengine.device import Buffer, Device, Event
from hetengine.registry import backend
from hetengine.span import Observer, Span
from hetengine.topology import DeviceSpec
from hetengine.work import Work

Opener = Callable[[DeviceSpec, WallClock, Observer], Device]


class Python:
    """A Python function as a kernel: commands whose moment and failure a test decides.

    Parameters
    ----------
    function : callable
        Runs on the queue's thread.
    name : str
        Name in traces.
    """

    def __init__(self, function: Callable[..., Any], name: str = "python") -> None:
        self.name = name
        self._function = function

    def __call__(self, *args: Any) -> Any:
        """Call the function."""
        return self._function(*args)


class Lab:
    """A host (backend numpy) and the device under test.

    Parameters
    ----------
    spec : DeviceSpec
        The device.
    open_device : callable
        Opens it, like `hetengine.backend.Backend.open`.

    Attributes
    ----------
    clock : WallClock
        Of both.
    host, device : Device
        Both open.
    spans : list of Span
        Of every command that has run.
    """

    def __init__(self, spec: DeviceSpec, open_device: Opener) -> None:
        self.clock = WallClock()
        self.spans: list[Span] = []
        self.host = backend("numpy").open(
            DeviceSpec("host", role="host"), self.clock, self.spans.append
        )
        self.device = open_device(spec, self.clock, self.spans.append)

    def close(self) -> None:
        """Close both."""
        self.device.close()
        self.host.close()

    def run(self, event: simpy.Event) -> Any:
        """Let the clock run until an event has fired and return its value."""
        return self.clock.run(event)

    def put(self, array: np.ndarray, label: str = "data") -> Buffer:
        """Return a buffer of the device that holds a copy of an array."""
        host = self.host.alloc(label, array.shape, array.dtype)
        host.array[...] = array
        buffer = self.device.alloc(label, array.shape, array.dtype)
        self.run(self.device.copy(buffer, host))
        self.host.free(host)
        return buffer

    def get(self, buffer: Buffer) -> np.ndarray:
        """Return a copy of what a buffer of the device holds."""
        host = self.host.alloc(buffer.label, buffer.shape, buffer.dtype)
        self.run(self.device.copy(host, buffer))
        array = host.array.copy()
        self.host.free(host)
        return array

    def call(self, name: str, *args: Any) -> Any:
        """Launch a kernel by name, wait for it and return its value."""
        return self.run(self.device.launch(self.device.load(name), args, Work()))

    def launch(
        self, function: Callable[..., Any], *args: Any, after: Iterable[simpy.Event] = ()
    ) -> Event:
        """Launch a Python function on the device's compute queue."""
        return self.device.launch(Python(function), args, Work(), after=after)


@contextmanager
def opened_lab(spec: DeviceSpec, open_device: Opener) -> Iterator[Lab]:
    """Open a lab and close it again, whatever happens.

    Parameters
    ----------
    spec, open_device
        As for `Lab`.
    """
    lab = Lab(spec, open_device)
    try:
        yield lab
    finally:
        lab.close()
