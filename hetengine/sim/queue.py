"""In-order command queues in virtual time, one SimPy event per command.

A command starts once its predecessor in the queue has run and every event it comes after has fired.
Its event is scheduled for the time at which the command will have run, and takes its value only
then: until that moment it is not triggered, as on a real device.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterable
from typing import Any

import simpy

from hetengine.clock import VirtualClock
from hetengine.device import Event, Observer, Span, Work
from hetengine.errors import DeviceFailure, HetengineError


class Command(abc.ABC):
    """One command of a queue; subclasses say what it does.

    Parameters
    ----------
    event : Event
        Fires when the command has run.
    category : str
        Phase it is accounted under.
    direction : str
        ``up`` or ``down`` for a copy, else empty.
    """

    __slots__ = ("category", "direction", "error", "event", "pending", "queue", "result", "work")

    def __init__(self, event: Event, category: str, direction: str = "") -> None:
        self.event = event
        self.category = category
        self.direction = direction
        self.pending = 0
        self.error: BaseException | None = None
        self.result: Any = None
        self.work = Work()
        self.queue: CommandQueue

    @abc.abstractmethod
    def begin(self) -> float | None:
        """Do it; return the seconds until the event fires, or None if another fires it."""

    @abc.abstractmethod
    def release(self) -> None:
        """Let go of what the command used; called once, when it has run or failed."""

    def start(self) -> None:
        """Begin, and see to it that the event fires; what is raised travels in the event."""
        clock = self.queue.clock
        delay: float | None = 0.0
        if self.error is None:
            self.event.start_seconds = clock.now
            try:
                delay = self.begin()
            except Exception as error:
                self.error = self._failure(error)
                delay = 0.0
        if delay is not None:
            clock.schedule(self.event, delay=delay)

    def settle(self, event: simpy.Event) -> None:
        """Give the event its outcome, record the span, and let the queue go on.

        The first callback of the event, so that all others see the outcome.
        """
        if self.error is None:
            event._ok = True
            event._value = self.result
            self.event.end_seconds = self.queue.clock.now
            self.queue.observe(self._span())
        else:
            event._ok = False
            event._value = self.error
        self.release()
        self.queue.proceed()

    def wait_for(self, event: simpy.Event) -> None:
        """Come after an event, and share its failure."""
        if event.callbacks is not None:
            self.pending += 1
            event.callbacks.append(self._arrived)
        elif not event.ok:
            self.error = self.error or event.value

    def _span(self) -> Span:
        event = self.event
        return Span(
            self.queue.device,
            self.queue.name,
            event.label,
            self.category,
            event.start_seconds,
            event.end_seconds,
            self.work,
            self.direction,
        )

    def _failure(self, cause: Exception) -> HetengineError:
        """Name the command that failed, as the devices that compute for real do."""
        if isinstance(cause, HetengineError):
            return cause
        what = f"{type(cause).__name__}: {cause}"
        failure = DeviceFailure(f"{self.queue.device}: {self.event.label} failed: {what}")
        failure.__cause__ = cause
        return failure

    def _arrived(self, event: simpy.Event) -> None:
        self.pending -= 1
        if not event.ok:
            event.defused = True
            self.error = self.error or event.value
        self.queue.try_start()


class CommandQueue:
    """Commands that run one after the other.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    device, name : str
        For the spans.
    observe : callable
        Receives the span of each command that has run.
    """

    def __init__(self, clock: VirtualClock, device: str, name: str, observe: Observer) -> None:
        self.clock = clock
        self.device = device
        self.name = name
        self.observe = observe
        self._waiting: deque[Command] = deque()
        self._busy = False
        self._last: Event | None = None

    @property
    def last(self) -> Event | None:
        """Event of the last command, as long as it has not fired."""
        return None if self._last is None or self._last.processed else self._last

    def submit(self, command: Command, after: Iterable[simpy.Event]) -> Event:
        """Enqueue a command behind the others and return its event."""
        event = command.event
        command.queue = self
        event.callbacks.append(command.settle)
        for dependency in after:
            command.wait_for(dependency)
        self._last = event
        self._waiting.append(command)
        self.try_start()
        return event

    def try_start(self) -> None:
        """Start the first command if nothing runs and nothing holds it up."""
        if not self._busy and self._waiting and not self._waiting[0].pending:
            self._busy = True
            self._waiting.popleft().start()

    def proceed(self) -> None:
        """Note that the running command is done, and start the next."""
        self._busy = False
        self.try_start()
