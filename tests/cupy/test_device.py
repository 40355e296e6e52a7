"""What the CuPy device does beyond the suite: pins, pools, times, several GPUs, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from hetengine.device import Buffer
from hetengine.errors import DeviceFailure, OutOfCapacity, UsageError
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_cupy import CupyBackend
from hetengine_cupy.device import CupyDevice
from hetengine_cupy.pinning import PAGE_BYTES, Pins
from hetengine_cupy.timing import Stopwatch
from tests.cupy.fake_machine import Machine

MEBIBYTE = 1 << 20
Opener = Callable[..., tuple[Lab, CupyDevice]]


@pytest.fixture
def opened(machine: Machine) -> Iterator[Opener]:
    with ExitStack() as stack:

        def one(**settings: Any) -> tuple[Lab, CupyDevice]:
            spec = DeviceSpec("card", backend="cupy", **{"index": 1, **settings})
            lab = stack.enter_context(opened_lab(spec, CupyBackend().open))
            assert isinstance(lab.device, CupyDevice)
            return lab, lab.device

        yield one


def test_the_launch_cost_is_measured_once(machine: Machine, opened: Opener) -> None:
    _, device = opened()
    assert 0.0 < float(device.facts["launch_seconds"]) < 1.0
    assert device.facts["device"] == "Pretended GPU B"
    assert device.facts["architecture"] == "sm_90"
    assert set(machine.launched) == {"sum_partials"}


def test_pinned_copies_are_not_staged_and_others_are_counted(
    machine: Machine, opened: Opener
) -> None:
    lab, device = opened()
    host, buffer = lab.host.alloc("h", 1000, np.float32), device.alloc("x", 1000, np.float32)
    lab.run(device.copy(buffer, host))
    assert (machine.staged, device.facts["staged_bytes"]) == (1, 4000)
    device.pin(host)
    device.pin(host)
    assert device.pinned_bytes == PAGE_BYTES
    assert host.array.ctypes.data % PAGE_BYTES == 0
    lab.run(device.copy(buffer, host))
    lab.run(device.copy(host.section(256, 10), buffer.section(256, 10)))
    assert (machine.staged, device.facts["staged_bytes"]) == (1, 4000)


def test_a_freed_host_buffer_is_unpinned(machine: Machine, opened: Opener) -> None:
    lab, device = opened()
    before = len(machine.registered)
    host = lab.host.alloc("h", 1000, np.float32)
    device.pin(host)
    assert len(machine.registered) == before + 1
    lab.host.free(host)
    assert device.pinned_bytes == 0
    assert len(machine.registered) == before


def test_where_pinning_is_forbidden_copies_are_staged_and_say_so(
    machine: Machine, opened: Opener
) -> None:
    machine.forbids_pinning = True
    lab, device = opened()
    host, buffer = lab.host.alloc("h", 1000, np.float32), device.alloc("x", 1000, np.float32)
    device.pin(host)
    host.array[:] = 3.0
    lab.run(device.copy(buffer, host))
    assert device.facts["pinning_refused"] == "cudaError 801: operation not supported"
    assert (device.facts["staged_bytes"], device.pinned_bytes) == (4000, 0)
    np.testing.assert_array_equal(lab.get(buffer), 3.0)


def test_only_whole_host_buffers_are_pinned(opened: Opener) -> None:
    lab, device = opened()
    device.pin(lab.host.alloc("nothing", 0, np.float32))
    for wrong in (lab.host.alloc("h", 8, np.float32).section(0, 4), device.alloc("x", 8, "f4")):
        with pytest.raises(UsageError, match="cannot pin"):
            device.pin(wrong)


def test_closing_unpins_and_gives_all_memory_back(machine: Machine, opened: Opener) -> None:
    lab, device = opened()
    host, buffer = lab.host.alloc("h", 8, np.float32), device.alloc("x", 8, np.float32)
    device.pin(host)
    device.free(buffer)
    device.close()
    assert machine.registered == {}
    assert device._arrays.pooled_bytes < 2 * MEBIBYTE  # what scratch its launcher still holds
    with pytest.raises(UsageError, match="closed"):
        device.pin(host)


def test_freed_memory_is_reused_and_given_up_when_it_is_in_the_way(
    machine: Machine, opened: Opener
) -> None:
    _, device = opened(capacity_bytes=8 * MEBIBYTE)
    first = device.alloc("first", 5 * MEBIBYTE, np.uint8)
    device.free(first)
    taken = machine.taken_bytes[1]
    device.free(device.alloc("again", 5 * MEBIBYTE, np.uint8))
    assert machine.taken_bytes[1] == taken
    # The kept 5 MiB and these 6 would exceed what the pool may hold.
    other = device.alloc("other", 6 * MEBIBYTE, np.uint8)
    assert machine.taken_bytes[1] < 8 * MEBIBYTE
    assert machine.taken_bytes[0] == 0
    device.free(other)


def test_a_full_gpu_is_out_of_capacity_and_the_ledger_is_restored(
    machine: Machine, opened: Opener
) -> None:
    _, device = opened()
    used = device.memory.used_bytes
    with pytest.raises(OutOfCapacity, match=r"card: big needs 134,217,728 bytes and this machine"):
        device.alloc("big", machine.device_bytes * 2, np.uint8)
    assert device.memory.used_bytes == used


def test_other_errors_of_an_allocation_keep_their_type(
    machine: Machine, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = opened()
    error = device.card.cupy.cuda.runtime.CUDARuntimeError
    for status, expected in ((2, OutOfCapacity), (700, error)):

        def broken(size: int, status: int = status) -> None:
            raise error(status, "broken\nin two lines")

        monkeypatch.setattr(device._arrays._pool, "malloc", broken)
        with pytest.raises(expected):
            device.alloc("x", 8, np.uint8)
    assert "x" not in device.memory._held


def test_device_time_is_what_events_say(opened: Opener) -> None:
    lab, device = opened()
    values, ids = lab.put(np.ones((300, 500), np.float32)), lab.put(np.arange(300))
    out = lab.put(np.zeros(300, np.float32))
    kernel = device.load("dense_square_norms")
    lab.run(device.launch(kernel, (values, ids, out), Work()))
    event = device.launch(kernel, (values, ids, out), Work())
    lab.run(event)
    assert 0.0 < event.seconds < 0.1
    np.testing.assert_array_equal(lab.get(out), 500.0)


def test_a_kernel_is_loaded_once_so_what_it_has_learnt_is_kept(opened: Opener) -> None:
    _, device = opened()
    assert device.load("dense_epoch") is device.load("dense_epoch")


def test_a_program_that_does_not_compile_says_where(machine: Machine, opened: Opener) -> None:
    lab, _ = opened()
    machine.broken_source = True
    values, ids = lab.put(np.ones((3, 5), np.float32)), lab.put(np.arange(3))
    with pytest.raises(DeviceFailure, match=r"program dense does not build: kern.cu\(7\): error"):
        lab.call("dense_square_norms", values, ids, lab.put(np.zeros(3, np.float32)))


def test_wrong_types_are_refused_before_a_launch(opened: Opener) -> None:
    lab, device = opened()
    values, ids = lab.put(np.ones((3, 5), np.float32)), lab.put(np.arange(3, dtype=np.int32))
    out = lab.put(np.zeros(3, np.float32))
    with pytest.raises(UsageError, match="ids holds int32, must hold int64"):
        lab.call("dense_square_norms", values, ids, out)
    with pytest.raises(UsageError, match="is a float; pass a buffer"):
        lab.call("dense_square_norms", values, lab.put(np.arange(3)), 1.0)
    with pytest.raises(UsageError, match="launch it on a device of backend numpy"):
        device.launch(device.load("dense_square_norms"), (values, np.arange(3), out), Work())


def test_misaligned_sections_are_refused(opened: Opener) -> None:
    lab, _ = opened()
    with pytest.raises(UsageError, match="not a multiple of 256"):
        lab.put(np.zeros(1024, np.uint8)).section(8, 4)


def test_two_gpus_do_not_exchange_directly(opened: Opener) -> None:
    lab, device = opened()
    other_lab, other = opened(index=0)
    mine, theirs = device.alloc("x", 8, np.float32), other.alloc("y", 8, np.float32)
    with pytest.raises(UsageError, match="copy it through the host"):
        lab.run(device.copy(mine, theirs))
    kept = other_lab.put(np.arange(8.0))
    np.testing.assert_array_equal(other_lab.get(kept), np.arange(8.0))


def test_a_failed_recipe_waits_for_what_it_had_enqueued(
    machine: Machine, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, device = opened()
    x = lab.put(np.zeros(8, np.float32))

    def fails_half_way(memory: Any) -> None:
        device._launcher.launch("twice", np.dtype(np.float32), 1, memory, memory, 8)
        raise ZeroDivisionError

    kernel = device.load("dense_gaps")
    monkeypatch.setattr(kernel, "recipe", fails_half_way)
    with pytest.raises(DeviceFailure, match="ZeroDivisionError"):
        lab.run(device.launch(kernel, (x,), Work()))
    machine.check_idle()


# Mutations: were the device careless, the pretended machine would say so.


def test_a_missing_wait_would_be_caught(
    machine: Machine, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, device = opened()
    host, buffer = lab.host.alloc("h", 8, np.float32), device.alloc("x", 8, np.float32)
    device.pin(host)
    monkeypatch.setattr(Stopwatch, "wait", lambda self: 0.0)
    lab.run(device.copy(buffer, host))
    with pytest.raises(DeviceFailure, match=r"Violation.*races"):
        lab.run(device.copy(host, buffer))
    assert machine.violations.pop()
    for stream in device.card.streams.values():
        stream.synchronize()


def test_storage_given_back_too_early_would_be_caught(
    machine: Machine, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, device = opened()
    values, ids = lab.put(np.ones((3, 5), np.float32)), lab.put(np.arange(3))
    out: list[Buffer] = [lab.put(np.zeros(3, np.float32))]

    def careless(*args: Any) -> None:
        real, count = np.dtype(np.float32), args[1].size
        short_lived = device.allocate((3,), np.float32)
        args = (args[0], 5, args[1], count, short_lived)
        device._launcher.launch("dense_square_norms", real, 1, *args)

    kernel = device.load("dense_square_norms")
    monkeypatch.setattr(kernel, "recipe", careless)
    with pytest.raises(DeviceFailure, match=r"Violation.*use after free"):
        lab.run(device.launch(kernel, (values, ids, out[0]), Work()))
    assert machine.violations.pop()
    device.card.streams["compute"].synchronize()


def test_a_pin_that_ends_too_early_would_be_caught(
    machine: Machine, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, device = opened()
    host, buffer = lab.host.alloc("h", 8, np.float32), device.alloc("x", 8, np.float32)
    device.pin(host)
    monkeypatch.setattr(Stopwatch, "wait", lambda self: 0.0)
    lab.run(device.copy(buffer, host))
    with pytest.raises(AssertionError, match="unregistered"):
        Pins.close(device._pins)
    assert machine.violations.pop()
    device.card.streams["up"].synchronize()
