"""A real device on the wall clock: order, dependencies, lifetime of buffers, failures, closing."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import simpy

from hetengine.clock import VirtualClock, WallClock
from hetengine.device import Device, HostFunction
from hetengine.errors import BackendUnavailable, DeviceFailure, OutOfCapacity, UsageError
from hetengine.span import Span
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_numpy import NumpyBackend, NumpyDevice

PATIENCE = 20.0
NO_WORK = Work()


class Python:
    """A Python function as a device kernel."""

    def __init__(self, function: Callable[..., Any], name: str = "python") -> None:
        self.name = name
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


class Pair:
    """A host and a card with a thousand bytes, on one wall clock."""

    def __init__(self) -> None:
        self.clock = WallClock()
        self.spans: list[Span] = []
        backend = NumpyBackend()
        self.host = backend.open(DeviceSpec("host", "host"), self.clock, self.spans.append)
        self.card = backend.open(
            DeviceSpec("card", capacity_bytes=1000), self.clock, self.spans.append
        )

    def run(self, event: simpy.Event) -> Any:
        return self.clock.run(event)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.host.close()
    pair.card.close()


def launch(device: Device, function: Callable[..., Any], *args: Any, **options: Any):
    return device.launch(Python(function), args, NO_WORK, **options)


def wait(gate: threading.Event) -> None:
    assert gate.wait(PATIENCE)


def test_launches_of_one_device_run_in_order(pair: Pair) -> None:
    seen: list[int] = []
    events = [launch(pair.card, seen.append, k) for k in range(50)]
    pair.run(simpy.AllOf(pair.clock, events))
    assert seen == list(range(50))
    starts = [event.start_seconds for event in events]
    assert starts == sorted(starts)
    assert all(a.end_seconds <= b.start_seconds for a, b in pairwise(events))


def test_a_launch_yields_what_its_kernel_returns(pair: Pair) -> None:
    assert pair.run(launch(pair.card, lambda a, b: a + b, 2, 3)) == 5


def test_queues_wait_for_each_other_only_where_told(pair: Pair) -> None:
    gate, free = threading.Event(), threading.Event()
    slow = launch(pair.host, wait, gate)
    # The card's launch is not held up by the host's queue; the host goes on once it has run.
    pair.run(launch(pair.card, free.set))
    assert not slow.triggered
    gate.set()
    pair.run(slow)


def test_after_holds_a_command_of_another_queue(pair: Pair) -> None:
    gate = threading.Event()
    seen: list[str] = []
    first = launch(pair.host, lambda: (wait(gate), seen.append("first")))
    source, target = pair.host.alloc("a", 4, np.float32), pair.card.alloc("b", 4, np.float32)
    source.array[:] = 1.0
    moved = pair.card.copy(target, source, after=[first])
    last = launch(pair.card, lambda x: seen.append(f"sum {x.sum():g}"), target, after=[moved])
    launch(pair.host, seen.append, "host")
    assert seen == []
    gate.set()
    pair.run(last)
    assert [word for word in seen if word != "host"] == ["first", "sum 4"]
    assert first.end_seconds <= moved.start_seconds <= moved.end_seconds <= last.start_seconds


def test_after_takes_any_event_of_the_clock(pair: Pair) -> None:
    timeout = pair.clock.timeout(0.01)
    event = launch(pair.card, lambda: None, after=[timeout])
    pair.run(event)
    assert timeout.processed
    pair.run(launch(pair.card, lambda: None, after=[timeout]))


def test_every_command_leaves_a_span_with_its_work_and_direction(pair: Pair) -> None:
    host, card = pair.host.alloc("h", 8, np.float64), pair.card.alloc("c", 8, np.float64)
    pair.run(pair.card.copy(card, host, category="swap"))
    pair.run(pair.card.copy(host, card))
    pair.run(pair.card.launch(Python(lambda: 7, "seven"), (), lambda n: Work(items=n)))
    told = [(s.device, s.queue, s.label, s.category, s.direction) for s in pair.spans]
    assert told == [
        ("card", "up", "h", "swap", "up"),
        ("card", "down", "c", "copy", "down"),
        ("card", "compute", "seven", "compute", ""),
    ]
    assert [span.work.bytes_read for span in pair.spans] == [64, 64, 0]
    assert pair.spans[2].work.items == 7


def test_a_freed_buffer_lives_until_its_last_command_has_run(pair: Pair) -> None:
    gate, seen = threading.Event(), []
    buffer = pair.card.alloc("x", 100, np.float32)
    storage = weakref.ref(buffer.array)
    launch(pair.card, wait, gate)
    read = launch(pair.card, lambda x: seen.append(float(x.sum())), buffer.section(0, 10))
    pair.card.free(buffer)
    assert pair.card.memory.used_bytes == 400
    with pytest.raises(OutOfCapacity):
        pair.card.alloc("y", 200, np.float32)
    with pytest.raises(UsageError, match="freed"):
        launch(pair.card, len, buffer)
    gate.set()
    pair.run(read)
    assert seen == [0.0]
    pair.run(pair.card.synchronize())
    assert pair.card.memory.used_bytes == 0
    assert storage() is None


def test_copies_keep_both_ends(pair: Pair) -> None:
    gate = threading.Event()
    host, card = pair.host.alloc("h", 5, np.int32), pair.card.alloc("c", 5, np.int32)
    host.array[:] = 3
    held = launch(pair.host, wait, gate)
    moved = pair.card.copy(card, host, after=[held])
    pair.host.free(host)
    again = pair.host.alloc("again", 5, np.int32)
    gate.set()
    pair.run(moved)
    assert (card.array == 3).all()
    assert (again.array == 0).all()
    assert pair.host.memory.used_bytes == again.nbytes


def test_a_refused_command_takes_no_lease(pair: Pair) -> None:
    host, card = pair.host.alloc("h", 5, np.int32), pair.card.alloc("c", 5, np.int32)
    pair.host.free(host)
    with pytest.raises(UsageError, match=r"cannot use h, .*freed"):
        pair.card.copy(card, host)
    pair.card.free(card)
    assert pair.card.memory.used_bytes == 0


@pytest.mark.parametrize("again", ["twice", "elsewhere", "section"])
def test_wrong_frees_are_refused(pair: Pair, again: str) -> None:
    buffer = pair.card.alloc("x", 4, np.float32)
    part = buffer.section(0, 2)
    device = pair.host if again == "elsewhere" else pair.card
    if again == "twice":
        pair.card.free(buffer)
    with pytest.raises(UsageError, match="cannot free"):
        device.free(part if again == "section" else buffer)


def test_too_much_memory_is_refused_before_anything_happens(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.card.alloc("kept", 100, np.float64)
    monkeypatch.setattr(NumpyDevice, "allocate", lambda *args: pytest.fail("allocated"))
    with pytest.raises(OutOfCapacity, match=r"card: more needs 240 bytes, 200 of 1,000 are free"):
        pair.card.alloc("more", 30, np.float64)
    assert pair.card.memory.used_bytes == 800
    with pytest.raises(UsageError, match="at least 0"):
        pair.card.alloc("less", -1, np.float64)


def test_an_allocation_that_fails_takes_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(NumpyDevice, "allocate", broken)
    with pytest.raises(OutOfCapacity, match=r"card: x needs 240 bytes.*no more"):
        pair.card.alloc("x", 30, np.float64)
    assert pair.card.memory.used_bytes == 0


@pytest.mark.parametrize("role", ["host", "accelerator"])
def test_the_memory_of_an_accelerator_is_there_once_it_is_allocated(role: str) -> None:
    """Pages of the host come when they are first written, as those of any array do."""
    resource = pytest.importorskip("resource")
    device = NumpyBackend().open(DeviceSpec("one", role), WallClock(), lambda _: None)
    buffer = device.alloc("columns", 32 << 20, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    buffer.array[:] = 1
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    device.close()
    assert (faults >= 16) == (role == "host")


def test_an_error_travels_in_the_event(pair: Pair) -> None:
    with pytest.raises(DeviceFailure, match=r"card: python failed: ZeroDivisionError"):
        pair.run(launch(pair.card, lambda: 1 // 0))
    # The queue has survived, and the failed command left no span.
    assert pair.run(launch(pair.card, lambda: 4)) == 4
    assert len(pair.spans) == 1


def test_a_user_error_keeps_its_type(pair: Pair) -> None:
    def refuse() -> None:
        raise UsageError("not like this")

    with pytest.raises(UsageError, match=r"^not like this$"):
        pair.run(launch(pair.card, refuse))


def test_an_error_gives_the_buffers_back(pair: Pair) -> None:
    buffer = pair.card.alloc("x", 4, np.float32)
    event = launch(pair.card, lambda x: x["wrong"], buffer)
    pair.card.free(buffer)
    with pytest.raises(DeviceFailure):
        pair.run(event)
    assert pair.card.memory.used_bytes == 0


def test_what_comes_after_a_failure_fails_with_it_and_does_not_run(pair: Pair) -> None:
    ran: list[int] = []
    broken = launch(pair.host, lambda: 1 // 0)
    after = launch(pair.card, ran.append, 1, after=[broken])
    with pytest.raises(DeviceFailure, match="host: python failed"):
        pair.run(after)
    assert ran == []


def test_processes_may_catch_a_failure(pair: Pair) -> None:
    def program():
        try:
            yield launch(pair.card, lambda: 1 // 0)
        except DeviceFailure:
            value = yield launch(pair.card, lambda: "recovered")
            return value

    assert pair.run(pair.clock.process(program())) == "recovered"


def test_synchronize_waits_for_every_queue(pair: Pair) -> None:
    host, card = pair.host.alloc("h", 5, np.int32), pair.card.alloc("c", 5, np.int32)
    gate = threading.Event()
    events = [launch(pair.card, wait, gate), pair.card.copy(card, host), pair.card.copy(host, card)]
    done = pair.card.synchronize()
    gate.set()
    pair.run(done)
    assert all(event.latch.opened for event in events)  # pyright: ignore


def test_closing_runs_what_was_given_and_refuses_more(pair: Pair) -> None:
    seen: list[int] = []
    buffer = pair.card.alloc("x", 4, np.float32)
    for k in range(5):
        launch(pair.card, seen.append, k)
    pair.card.close()
    assert seen == list(range(5))
    with pytest.raises(UsageError, match="card: the device is closed"):
        launch(pair.card, seen.append, 5)
    with pytest.raises(UsageError, match="closed"):
        pair.card.alloc("y", 4, np.float32)
    host = pair.host.alloc("z", 4, np.float32)
    with pytest.raises(UsageError, match="closed"):
        pair.card.copy(buffer, host)
    pair.card.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("card.")]


def test_wrong_arguments_are_refused_before_anything_is_enqueued(pair: Pair) -> None:
    host, card = pair.host.alloc("h", 5, np.int32), pair.card.alloc("c", 5, np.int32)
    with pytest.raises(UsageError, match="card: python got h, which is on host"):
        launch(pair.card, len, host)
    with pytest.raises(UsageError, match="launch it on the host"):
        pair.card.launch(HostFunction("plain", len), (card,), NO_WORK)
    with pytest.raises(UsageError, match="exactly one end must be card"):
        pair.card.copy(card, card)
    with pytest.raises(UsageError, match="exactly one end"):
        pair.card.copy(host, host)
    with pytest.raises(UsageError, match="take sections"):
        pair.card.copy(card, host.section(0, 3))
    with pytest.raises(UsageError, match="take sections"):
        pair.card.copy(card, host.section(0, 5, np.uint32))
    with pytest.raises(UsageError, match="did you mean 'dense_gaps'"):
        pair.card.load("dense_gap")
    assert pair.spans == []


def test_sections_are_typed_views_within_their_buffer(pair: Pair) -> None:
    buffer = pair.card.alloc("x", 512, np.uint8)
    part = buffer.section(256, 4, np.float64)
    part.array[:] = 1.5
    assert (buffer.array[256:288].view(np.float64) == 1.5).all()
    assert part.nbytes == 32
    part.section(0, 2).array[:] = 2.5
    assert part.array.tolist() == [2.5, 2.5, 1.5, 1.5]
    for offset, count in ((256, 33), (512, 1), (-256, 1), (0, -1)):
        with pytest.raises(UsageError, match="not within its"):
            buffer.section(offset, count, np.float64)
    assert buffer.section(512, 0, np.float64).array.size == 0
    pair.card.free(buffer)
    with pytest.raises(UsageError, match="freed"):
        buffer.section(0, 1)


def test_a_backend_opens_only_what_it_has() -> None:
    backend = NumpyBackend()
    with pytest.raises(BackendUnavailable, match=r"devices\.card\.index=3"):
        backend.open(DeviceSpec("card", index=3), WallClock(), lambda span: None)
    with pytest.raises(BackendUnavailable, match="wall clock"):
        backend.open(DeviceSpec("card"), VirtualClock(), lambda span: None)
    assert all(check.ok for check in backend.check())
    assert [info.index for info in backend.devices()] == [0]
