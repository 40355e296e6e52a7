"""In-order command queues in virtual time.

A command starts once its predecessor in the queue has run and every event it comes after has fired.
Its event is scheduled for the time at which the command will have run, and takes its value only
then: until that moment it is not triggered, as on a real device.

Where a `Loop` says that it takes time to start commands and to hear of their ends, a command ends
before its event fires, and those that follow it do not wait for the program.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterable
from typing import Any

import simpy

from hetengine.calibrate.spec import Dispatch
from hetengine.clock import VirtualClock
from hetengine.device import Event, Observer, Span, Work
from hetengine.errors import DeviceFailure, HetengineError
from hetengine.sim.loop import Loop


class Promise(Event):
    """Event of a simulated command.

    Attributes
    ----------
    done : simpy.Event
        Fires when the command has ended; itself, unless the program hears of it later.
    """

    def __init__(self, clock: VirtualClock, label: str) -> None:
        super().__init__(clock, label)
        self.done: simpy.Event = self


class Command(abc.ABC):
    """One command of a queue; subclasses say what it does.

    Parameters
    ----------
    event : Promise
        Fires when the command has run.
    category : str
        Phase it is accounted under.
    direction : str
        ``up`` or ``down`` for a copy, else empty.
    """

    __slots__ = (
        "category",
        "direction",
        "error",
        "event",
        "pending",
        "queue",
        "result",
        "started",
        "work",
    )

    def __init__(self, event: Promise, category: str, direction: str = "") -> None:
        self.event = event
        self.category = category
        self.direction = direction
        self.pending = 0
        self.error: BaseException | None = None
        self.result: Any = None
        self.started = False
        self.work = Work()
        self.queue: CommandQueue

    @abc.abstractmethod
    def issue(self, loop: Loop) -> float:
        """Let the program hand it over; return when the queue has it, on the clock."""

    @abc.abstractmethod
    def begin(self) -> float | None:
        """Do it; return the seconds until it has ended, or None if another fires ``done``."""

    @abc.abstractmethod
    def release(self) -> None:
        """Let go of what the command used; called once, when it has run or failed."""

    @abc.abstractmethod
    def cancel(self) -> None:
        """Stop what `begin` has set going; only ``done`` is left to fire."""

    def abort(self, failure: DeviceFailure) -> None:
        """Fail it before its time: the device has failed."""
        if self.error is not None or self.event.done.triggered:
            return
        self.error = failure
        if self.started:
            self.cancel()
            self.event.done.succeed()

    def start(self) -> None:
        """Begin, and see to it that the event fires; what is raised travels in the event."""
        clock = self.queue.clock
        delay: float | None = 0.0
        self.started = True
        if self.error is None:
            self.event.start_seconds = clock.now
            try:
                delay = self.begin()
            except Exception as error:
                self.error = self._failure(error)
                delay = 0.0
        if delay is not None:
            clock.schedule(self.event.done, delay=delay)

    def end(self, done: simpy.Event) -> None:
        """Record the span, and let the queue and the program go on.

        The first callback of ``done``, so that all others see the outcome.
        """
        self.settle(done)
        if self.error is None:
            self.event.end_seconds = self.queue.clock.now
            self.queue.observe(self._span())
        if self.queue.loop is not None:
            done.defused = True
            self.queue.clock.schedule(self.event, delay=self.queue.loop.hear())
        self.release()
        self.queue.proceed()

    def settle(self, event: simpy.Event) -> None:
        """Give an event the outcome."""
        event._ok = self.error is None
        event._value = self.result if self.error is None else self.error

    def wait_for(self, event: simpy.Event) -> None:
        """Come after an event, and share its failure."""
        done = event.done if isinstance(event, Promise) else event
        if done is not event and event.callbacks is not None:
            event.callbacks.append(_defuse)
        if done.callbacks is not None:
            self.pending += 1
            done.callbacks.append(self._arrived)
        elif not done.ok:
            self.error = self.error or done.value

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
            event.issued_seconds,
            event.issue_seconds,
        )

    def _failure(self, cause: Exception) -> HetengineError:
        """Name the command that failed, as the devices that compute for real do."""
        device = self.queue.device
        if isinstance(cause, DeviceFailure):
            cause.blame(device)
        if isinstance(cause, HetengineError):
            return cause
        what = f"{type(cause).__name__}: {cause}"
        failure = DeviceFailure(f"{device}: {self.event.label} failed: {what}", device)
        failure.__cause__ = cause
        return failure

    def _arrived(self, event: simpy.Event) -> None:
        self.pending -= 1
        if not event.ok:
            event.defused = True
            self.error = self.error or event.value
        self.queue.try_start(self.queue.dispatch.relay_seconds)


def _defuse(event: simpy.Event) -> None:
    """Mark a failure as passed on: the command that came after fails with it."""
    event.defused = True


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
    loop : Loop, optional
        Says what it costs to hand over, start and hear of commands; nothing by default.
    """

    def __init__(
        self,
        clock: VirtualClock,
        device: str,
        name: str,
        observe: Observer,
        loop: Loop | None = None,
    ) -> None:
        self.clock = clock
        self.device = device
        self.name = name
        self.observe = observe
        self.loop = loop
        self.dispatch = Dispatch() if loop is None else loop.dispatch(device)
        self._waiting: deque[Command] = deque()
        self._running: Command | None = None
        self._last: Event | None = None

    @property
    def last(self) -> Event | None:
        """Event of the last command, as long as it has not fired."""
        return None if self._last is None or self._last.processed else self._last

    def submit(self, command: Command, after: Iterable[simpy.Event]) -> Event:
        """Enqueue a command behind the others and return its event."""
        event = command.event
        command.queue = self
        event.issued_seconds = self.clock.now
        if self.loop is not None:
            event.done = simpy.Event(self.clock)
            event.callbacks.append(command.settle)
            event.issued_seconds = command.issue(self.loop)
            event.issue_seconds = event.issued_seconds - self.clock.now
        event.done.callbacks.append(command.end)
        for dependency in after:
            command.wait_for(dependency)
        self._last = event
        self._waiting.append(command)
        self.try_start()
        return event

    def try_start(self, lag_seconds: float = 0.0) -> None:
        """Start the first command if nothing runs and nothing holds it up.

        Parameters
        ----------
        lag_seconds : float
            Time the queue takes to start it after what it waited for.
        """
        if self._running or not self._waiting or self._waiting[0].pending:
            return
        self._running = command = self._waiting.popleft()
        now = self.clock.now
        earliest = command.event.issued_seconds + self.dispatch.start_seconds
        wait = max(lag_seconds, earliest - now)
        if wait > 0.0:
            self.clock.timeout(wait).callbacks.append(lambda _: command.start())
        else:
            command.start()

    def proceed(self) -> None:
        """Note that the running command is done, and start the next."""
        self._running = None
        self.try_start(self.dispatch.next_seconds)

    def abort(self, failure: DeviceFailure) -> None:
        """Fail the running command: the device has failed."""
        if self._running is not None:
            self._running.abort(failure)


def all_ended(clock: VirtualClock, queues: Iterable[CommandQueue]) -> simpy.Event:
    """Return an event that fires when all commands there are now have run, well or not.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    queues : iterable of CommandQueue
        Of one device.
    """
    done = simpy.Event(clock)
    left = [queue.last for queue in queues if queue.last is not None]
    if not left:
        return done.succeed()

    def ran(event: simpy.Event) -> None:
        left.remove(event)  # pyright: ignore[reportArgumentType]
        if not left:
            done.succeed()

    for tail in tuple(left):
        tail.callbacks.append(ran)
    return done
