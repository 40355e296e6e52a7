"""In-order command queues in virtual time.

A command starts once its predecessor in the queue has run and every event it comes after has fired.
Its event is scheduled for the time at which the command will have run, and takes its value only
then: until that moment it is not triggered, as on a real device.

Where a `Loop` says that it takes time to start commands and to hear of their ends, every queue has
a thread of its own that needs the interpreter before and after each command; a command ends before
its event fires, and those that follow it do not wait for the program.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterable
from typing import Any

import simpy

from hetengine.calibrate.spec import Dispatch
from hetengine.clock import VirtualClock, passive
from hetengine.device import Event
from hetengine.errors import DeviceFailure, HetengineError
from hetengine.sim.interpreter import HOLD_SECONDS, Then, Thread
from hetengine.sim.loop import Loop
from hetengine.span import Observer, Span
from hetengine.work import Work


class Promise(Event):
    """Event of a simulated command.

    Attributes
    ----------
    ran, done : simpy.Event
        Fire when the command has run, and when its queue has taken note of that; the event itself,
        unless that and telling the program takes time.
    """

    def __init__(self, clock: VirtualClock, label: str) -> None:
        super().__init__(clock, label)
        self.ran: simpy.Event = self
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
    def issue_seconds(self, loop: Loop) -> float:
        """Return what it takes the program to hand it over."""

    @abc.abstractmethod
    def begin(self) -> float | None:
        """Do it; return the seconds until it has run, or None if another fires ``ran``."""

    @abc.abstractmethod
    def release(self) -> None:
        """Let go of what the command used; called once, when it has run or failed."""

    @abc.abstractmethod
    def cancel(self) -> None:
        """Stop what `begin` has set going; only ``ran`` is left to fire."""

    def abort(self, failure: DeviceFailure) -> None:
        """Fail it before its time: the device has failed."""
        if self.error is not None or self.event.done.triggered:
            return
        self.error = failure
        if self.started and not self.event.ran.triggered:
            self.cancel()
            self.event.ran.succeed()

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
            clock.schedule(self.event.ran, delay=delay)

    def finish(self, ran: simpy.Event) -> None:
        """Let the thread of the queue take note; the first callback of ``ran``."""
        ran._ok, ran._value = True, None
        half = self.queue.half_seconds

        def noted() -> None:
            self.event.end_seconds = self.queue.clock.now - half
            self.event.done.succeed()

        self.queue.run(half, noted)

    def end(self, done: simpy.Event) -> None:
        """Record the span, and let the queue and the program go on.

        The first callback of ``done``, so that all others see the outcome.
        """
        self.settle(done)
        if self.queue.loop is None:
            self.event.end_seconds = self.queue.clock.now
        if self.error is None:
            self.queue.observe(self._span())
        if self.queue.loop is not None:
            done.defused = True
            self.queue.loop.hear(self.event)
        self.release()
        self.queue.proceed()

    @passive
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
        times = self.queue.dispatch
        self.queue.try_start(times.relay_seconds - times.next_seconds)


@passive
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
        self._thread = Thread()
        self._waiting: deque[Command] = deque()
        self._running: Command | None = None
        self._last: Event | None = None

    @property
    def last(self) -> Event | None:
        """Event of the last command, as long as it has not fired."""
        return None if self._last is None or self._last.processed else self._last

    @property
    def half_seconds(self) -> float:
        """What a thread has to do before a command, and once more after it."""
        times = self.dispatch
        return 0.5 * (times.inline_seconds if self.clock.helps else times.next_seconds)

    def submit(self, command: Command, after: Iterable[simpy.Event]) -> Event:
        """Enqueue a command behind the others and return its event."""
        event = command.event
        command.queue = self
        if self.loop is not None:
            event.ran, event.done = simpy.Event(self.clock), simpy.Event(self.clock)
            event.callbacks.append(command.settle)
            event.ran.callbacks.append(command.finish)
        event.done.callbacks.append(command.end)
        for dependency in after:
            command.wait_for(dependency)
        self._last = event
        if self.loop is None:
            self._arrive(command)
        else:
            event.issue_seconds = command.issue_seconds(self.loop)
            self.loop.hand_over(event.issue_seconds, lambda: self._arrive(command))
        return event

    def run(self, seconds: float, then: Then) -> None:
        """Let the thread of the queue run a piece of Python."""
        if self.loop is None:
            then()
        else:
            self.loop.interpreter.run(self._runner(self.loop), seconds, then)

    def keep_interpreter(self, seconds: float, python: bool = False) -> None:
        """Say for how long a command runs outside the interpreter's lock.

        A lock given away for a moment only is taken back before the next thread has woken, and
        Python on whole vectors consists of such moments.

        Parameters
        ----------
        seconds : float
            How long the command runs.
        python : bool
            Whether it is a function in Python.
        """
        if self.loop is not None:
            least = HOLD_SECONDS if python else self.loop.interpreter.wake_seconds
            self._runner(self.loop).keeps = seconds < least

    def _runner(self, loop: Loop) -> Thread:
        """Return the thread that runs the commands: the program itself where it helps."""
        return loop.thread if self.clock.helps else self._thread

    def _arrive(self, command: Command) -> None:
        command.event.issued_seconds = self.clock.now
        self._waiting.append(command)
        self.try_start()

    def try_start(self, lag_seconds: float = 0.0) -> None:
        """Start the first command if nothing runs and nothing holds it up.

        Parameters
        ----------
        lag_seconds : float
            Time until the thread of the queue wakes from what it waited for.
        """
        if self._running or not self._waiting or self._waiting[0].pending:
            return
        self._running = command = self._waiting.popleft()
        half = self.half_seconds
        earliest = command.event.issued_seconds + self.dispatch.start_seconds - half
        wait = max(lag_seconds, earliest - self.clock.now)
        if wait > 0.0 and not self.clock.helps:
            awake = self.clock.timeout(wait)
            awake.callbacks.append(lambda _: self.run(half, command.start))
        else:
            self.run(half, command.start)

    def proceed(self) -> None:
        """Note that the running command is done, and start the next."""
        self._running = None
        self.try_start()

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
