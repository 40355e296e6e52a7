"""What every device must do with the verbs: order, dependencies, lifetime, capacity, failure."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import simpy

from hetengine.clock import WallClock
from hetengine.device import Device, HostFunction
from hetengine.errors import DeviceFailure, OutOfCapacity, UsageError
from hetengine.registry import backend
from hetengine.span import Observer
from hetengine.testing.lab import Lab, Python, opened_lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work

_PATIENCE_SECONDS = 20.0
_CLOCK_SLACK_SECONDS = 1e-3
_CAPACITY_BYTES = 1 << 20


class Suite:
    """What the suites share: how the device under test is opened.

    Subclasses override the fixture `spec`; a backend that is not registered, or is to be opened in
    another way, overrides `open_device` too.
    """

    @pytest.fixture
    def spec(self) -> DeviceSpec:
        """Return the device under test: a topology entry with backend, index and options."""
        pytest.fail("override the fixture `spec` with the device to test")

    def open_device(self, spec: DeviceSpec, clock: WallClock, observe: Observer) -> Device:
        """Open the device under test; through the registry unless overridden."""
        return backend(spec.backend).open(spec, clock, observe)

    @pytest.fixture
    def lab(self, spec: DeviceSpec) -> Iterator[Lab]:
        """Return a lab whose device has one MiB."""
        with opened_lab(replace(spec, capacity_bytes=_CAPACITY_BYTES), self.open_device) as lab:
            yield lab


class VerbSuite(Suite):
    """Tests of the verbs."""

    def test_launches_run_in_order_and_end_before_the_next_begins(self, lab: Lab) -> None:
        """A queue is in order."""
        seen: list[int] = []
        events = [lab.launch(seen.append, k) for k in range(20)]
        lab.run(simpy.AllOf(lab.clock, events))
        assert seen == list(range(20))
        for earlier, later in itertools.pairwise(events):
            assert earlier.end_seconds <= later.start_seconds

    def test_what_is_copied_in_comes_out(self, lab: Lab) -> None:
        """Copies keep every byte, of every type, also of nothing."""
        for dtype in (np.float32, np.float64, np.int32, np.int64, np.uint32, np.uint8):
            array = np.arange(1, 101).astype(dtype)
            np.testing.assert_array_equal(lab.get(lab.put(array)), array)
        assert lab.get(lab.put(np.empty(0, np.float32))).size == 0

    def test_memory_is_zeroed_also_where_it_was_used_before(self, lab: Lab) -> None:
        """A buffer never shows what another left behind."""
        for _ in range(2):
            buffer = lab.device.alloc("x", 1000, np.float32)
            assert not lab.get(buffer).any()
            lab.device.free(buffer)
            used = lab.put(np.ones(1000, np.float32))
            lab.device.free(used)

    def test_sections_are_typed_views(self, lab: Lab) -> None:
        """A section shares its buffer's memory and has a type of its own."""
        whole = lab.put(np.zeros(1024, np.uint8))
        host = lab.host.alloc("h", 4, np.float64)
        host.array[:] = [1.0, 2.0, 3.0, 4.0]
        lab.run(lab.device.copy(whole.section(256, 4, np.float64), host))
        back = lab.get(whole)
        np.testing.assert_array_equal(back[256:288].view(np.float64), host.array)
        assert not back[:256].any()
        assert not back[288:].any()
        part = whole.section(256, 768).section(0, 2, np.float64)
        np.testing.assert_array_equal(lab.get(part), [1.0, 2.0])
        for offset, count in ((1024, 1), (-256, 1), (768, 33), (0, -1)):
            with pytest.raises(UsageError, match="not within its"):
                whole.section(offset, count, np.float64)

    def test_after_holds_a_command_of_another_queue(self, lab: Lab) -> None:
        """Dependencies between queues and devices are what ``after`` says."""
        gate, seen = threading.Event(), []
        buffer, host = lab.put(np.zeros(4, np.float32)), lab.host.alloc("h", 4, np.float32)
        first = lab.launch(lambda: (_wait(gate), seen.append("first")))
        moved = lab.device.copy(host, buffer, after=[first])
        last = lab.launch(seen.append, "last", after=[moved])
        assert seen == []
        gate.set()
        lab.run(last)
        assert seen == ["first", "last"]
        assert first.end_seconds <= moved.start_seconds + _CLOCK_SLACK_SECONDS
        assert moved.end_seconds <= last.start_seconds

    def test_queues_do_not_wait_for_each_other_unasked(self, lab: Lab) -> None:
        """A copy travels while a kernel runs."""
        gate = threading.Event()
        slow = lab.launch(_wait, gate)
        lab.put(np.ones(10, np.float32))
        assert not slow.triggered
        gate.set()
        lab.run(slow)

    def test_every_command_leaves_a_span(self, lab: Lab) -> None:
        """Spans say where, what, which way, how much, and lie within the clock's time."""
        begun = lab.clock.now
        buffer = lab.put(np.ones(8, np.float64), "x")
        lab.get(buffer)
        lab.run(lab.device.launch(Python(lambda: 1, "one"), (), Work(items=3), category="solve"))
        own = [span for span in lab.spans if span.device == lab.device.name]
        told = [(span.queue, span.label, span.category, span.direction) for span in own]
        assert told == [
            ("up", "x", "copy", "up"),
            ("down", "x", "copy", "down"),
            ("compute", "one", "solve", ""),
        ]
        assert [span.work.bytes_read for span in own] == [64, 64, 0]
        for span in own:
            assert begun <= span.start_seconds <= span.end_seconds <= lab.clock.now

    def test_a_freed_buffer_lives_until_its_last_command_has_run(self, lab: Lab) -> None:
        """Freeing waits for commands in flight, and the ledger with it."""
        before, gate = lab.device.memory.used_bytes, threading.Event()
        buffer = lab.put(np.full(100, 7.0, np.float32))
        host = lab.host.alloc("h", 100, np.float32)
        held = lab.launch(_wait, gate)
        moved = lab.device.copy(host, buffer, after=[held])
        lab.device.free(buffer)
        assert lab.device.memory.used_bytes == before + 400
        with pytest.raises(UsageError, match="freed"):
            lab.device.copy(host, buffer)
        gate.set()
        lab.run(moved)
        assert (host.array == 7.0).all()
        lab.run(lab.device.synchronize())
        assert lab.device.memory.used_bytes == before

    def test_wrong_frees_are_refused(self, lab: Lab) -> None:
        """Twice, a section, or another device's."""
        buffer = lab.put(np.ones(4, np.float32))
        with pytest.raises(UsageError, match="a section"):
            lab.device.free(buffer.section(0, 2))
        with pytest.raises(UsageError, match="cannot free"):
            lab.host.free(buffer)
        lab.device.free(buffer)
        with pytest.raises(UsageError, match="freed"):
            lab.device.free(buffer)

    def test_the_capacity_is_kept(self, lab: Lab) -> None:
        """What does not fit is refused with have and need; what was freed can be had again."""
        free = lab.device.memory.free_bytes
        assert free is not None
        with pytest.raises(OutOfCapacity, match="big needs"):
            lab.device.alloc("big", free + 1, np.uint8)
        buffer = lab.device.alloc("all", free, np.uint8)
        with pytest.raises(OutOfCapacity, match="more needs 8 bytes, 0 of"):
            lab.device.alloc("more", 1, np.float64)
        lab.device.free(buffer)
        lab.device.free(lab.device.alloc("again", free, np.uint8))

    def test_an_error_travels_in_the_event_and_the_queue_survives(self, lab: Lab) -> None:
        """A failed command fails its event, and those that wait for it."""
        broken = lab.launch(lambda: 1 // 0)
        after = lab.launch(lambda: 1, after=[broken])
        with pytest.raises(DeviceFailure, match="ZeroDivisionError"):
            lab.run(after)
        assert lab.run(lab.launch(lambda: 4)) == 4

    def test_wrong_arguments_are_refused(self, lab: Lab) -> None:
        """Host buffers, unlike ends, unknown kernels."""
        host, buffer = lab.host.alloc("h", 5, np.int32), lab.put(np.zeros(5, np.int32))
        with pytest.raises(UsageError, match="on host"):
            lab.launch(len, host)
        with pytest.raises(UsageError, match="exactly one end"):
            lab.device.copy(host, host)
        with pytest.raises(UsageError, match="take sections"):
            lab.device.copy(buffer, host.section(0, 3))
        with pytest.raises(UsageError, match="did you mean 'dense_unpack'"):
            lab.device.load("dense_unpak")
        with pytest.raises(UsageError, match="host"):
            lab.device.launch(HostFunction("plain", len), (), Work())

    def test_pinned_host_buffers_travel_as_others_do(self, lab: Lab) -> None:
        """`Device.pin` changes the speed of transfers only."""
        host = lab.host.alloc("h", 1000, np.float64)
        host.array[:] = 3.0
        lab.device.pin(host)
        assert (host.array == 3.0).all()
        host.array[:] = np.arange(1000.0)
        buffer = lab.device.alloc("x", 1000, np.float64)
        lab.run(lab.device.copy(buffer, host))
        host.array[:] = 0.0
        lab.run(lab.device.copy(host.section(256, 968), buffer.section(256, 968)))
        np.testing.assert_array_equal(host.array[32:], np.arange(32.0, 1000.0))

    def test_synchronize_waits_for_every_queue(self, lab: Lab) -> None:
        """Nothing is left in flight after it."""
        gate, seen = threading.Event(), []
        lab.launch(lambda: (_wait(gate), seen.append(1)))
        done = lab.device.synchronize()
        gate.set()
        lab.run(done)
        assert seen == [1]

    def test_closing_runs_what_was_given_and_refuses_more(self, lab: Lab) -> None:
        """A closed device says so, and may be closed again."""
        seen: list[int] = []
        for k in range(3):
            lab.launch(seen.append, k)
        lab.device.close()
        assert seen == [0, 1, 2]
        with pytest.raises(UsageError, match="closed"):
            lab.launch(seen.append, 3)
        with pytest.raises(UsageError, match="closed"):
            lab.device.alloc("x", 1, np.float32)
        lab.device.close()


def _wait(gate: threading.Event) -> None:
    assert gate.wait(_PATIENCE_SECONDS)
