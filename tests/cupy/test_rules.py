"""The pretended machine catches what it is there to catch; otherwise its silence means nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hetengine_kernels import Profile, program_source
from tests.cupy.fake_cupy import make_cupy
from tests.cupy.fake_launch import CompileException
from tests.cupy.fake_machine import (
    ALREADY_REGISTERED,
    INVALID_VALUE,
    PAGE,
    CudaError,
    FakeOutOfMemoryError,
    Machine,
    Violation,
)

REAL = np.dtype(np.float32)


class Bench:
    """Two streams of device 0, some memory and a program."""

    def __init__(self) -> None:
        self.machine = Machine(devices=2, device_bytes=1 << 20)
        self.cupy = make_cupy(self.machine)
        self.cuda = self.cupy.cuda
        self.runtime = self.cuda.runtime
        self.one, self.two = (self.cuda.Stream(non_blocking=True) for _ in range(2))
        self.pool = self.cuda.MemoryPool()
        defines = Profile.gpu(2).defines("common", REAL)
        options = tuple(f"-D{key}={value}" for key, value in defines.items())
        module = self.cupy.RawModule(code=program_source("common"), options=options)
        self.twice = module.get_function("twice").kernel

    def array(self, count: int = 16) -> Any:
        return self.cupy.ndarray((count,), dtype=REAL, memptr=self.pool.malloc(4 * count))

    def page(self) -> np.ndarray:
        whole = np.zeros(2 * PAGE, np.uint8)
        first = -whole.ctypes.data % PAGE
        page = whole[first : first + PAGE].view(REAL)
        self.runtime.hostRegister(page.ctypes.data, PAGE, 1)
        return page

    def up(self, to: Any, host: np.ndarray, stream: Any) -> None:
        kind = self.runtime.memcpyHostToDevice
        self.runtime.memcpyAsync(to.data.ptr, host.ctypes.data, to.nbytes, kind, stream.ptr)

    def down(self, host: np.ndarray, source: Any, stream: Any) -> None:
        kind = self.runtime.memcpyDeviceToHost
        self.runtime.memcpyAsync(host.ctypes.data, source.data.ptr, source.nbytes, kind, stream.ptr)

    def launch(self, x: Any, y: Any, stream: Any, **changes: Any) -> None:
        given = {"grid": (1, 1, 1), "block": (256, 1, 1), "count": np.int64(16)} | changes
        args = changes.get("args", (x, y, given["count"]))
        self.twice(given["grid"], given["block"], args, stream=stream)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_obeys_the_rules_works(bench: Bench) -> None:
    x, y, page = bench.array(), bench.array(), bench.page()
    page[:16] = np.arange(16)
    bench.up(x, page, bench.one)
    bench.launch(x, y, bench.one)
    bench.one.synchronize()
    bench.down(page, y, bench.two)
    bench.two.synchronize()
    np.testing.assert_array_equal(page[:16], 2 * np.arange(16))
    assert bench.machine.violations == []


def test_nothing_has_arrived_before_the_host_waits(bench: Bench) -> None:
    x, page = bench.array(), bench.page()
    bench.up(x, page, bench.one)
    bench.down(page, x, bench.one)
    assert page[:16].any()
    with pytest.raises(Violation, match="nobody waited"):
        bench.machine.check_idle()


def test_fresh_memory_is_full_of_rubbish(bench: Bench) -> None:
    x, page = bench.array(), bench.page()
    bench.down(page, x, bench.one)
    bench.one.synchronize()
    assert page[:16].view(np.uint32).all()


def test_streams_that_meet_in_memory_race(bench: Bench) -> None:
    x, y, page = bench.array(), bench.array(), bench.page()
    bench.up(x, page, bench.one)
    with pytest.raises(Violation, match="races"):
        bench.launch(x, y, bench.two)


def test_streams_may_read_the_same_memory(bench: Bench) -> None:
    x, y, z = (bench.array() for _ in range(3))
    bench.launch(x, y, bench.one)
    bench.launch(x, z, bench.two)


def test_memory_may_not_go_before_its_kernel_has_run(bench: Bench) -> None:
    x, y = bench.array(), bench.array()
    bench.launch(x, y, bench.one)
    del x
    with pytest.raises(Violation, match="use after free"):
        bench.one.synchronize()


def test_the_source_of_a_copy_may_not_change_under_it(bench: Bench) -> None:
    x, page = bench.array(), bench.page()
    bench.up(x, page, bench.one)
    page[3] = 1.0
    with pytest.raises(Violation, match="changed"):
        bench.one.synchronize()


def test_pinned_memory_may_not_be_unpinned_under_a_copy(bench: Bench) -> None:
    x, page = bench.array(), bench.page()
    bench.up(x, page, bench.one)
    with pytest.raises(Violation, match="unregistered"):
        bench.runtime.hostUnregister(page.ctypes.data)


def test_a_page_is_pinned_once_and_a_copy_stays_inside(bench: Bench) -> None:
    page = bench.page()
    with pytest.raises(CudaError) as refused:
        bench.runtime.hostRegister(page.ctypes.data + 8, 8, 1)
    assert refused.value.status == ALREADY_REGISTERED
    half = np.frombuffer(page, np.uint8)[PAGE - 32 :]
    with pytest.raises(CudaError) as refused:
        bench.machine.pinned(half.ctypes.data, 64)
    assert refused.value.status == INVALID_VALUE


def test_unpinned_memory_is_staged(bench: Bench) -> None:
    x, host = bench.array(), np.ones(16, REAL)
    bench.up(x, host, bench.one)
    assert bench.machine.staged == 1
    host[:] = 2.0  # what is staged has been read
    bench.one.synchronize()


def test_events_tell_the_time_once_they_have_happened(bench: Bench) -> None:
    first, last = bench.cuda.Event(block=True), bench.cuda.Event(block=True)
    with pytest.raises(Violation, match="never recorded"):
        first.synchronize()
    first.record(bench.one)
    last.record(bench.one)
    with pytest.raises(Violation, match="not happened"):
        bench.cuda.get_elapsed_time(first, last)
    last.synchronize()
    assert bench.cuda.get_elapsed_time(first, last) >= 0.0
    with pytest.raises(Violation, match="wrong way round"):
        bench.cuda.get_elapsed_time(last, first)


def test_another_device_must_be_made_current(bench: Bench) -> None:
    x, y = bench.array(), bench.array()
    with bench.cuda.Device(1):
        with pytest.raises(Violation, match="current is device 1"):
            bench.launch(x, y, bench.one)
        stream = bench.cuda.Stream(non_blocking=True)
        event = bench.cuda.Event(block=True)
        with pytest.raises(Violation, match="compiled for another"):
            bench.launch(x, y, stream)
    with pytest.raises(Violation, match="another device's stream"):
        event.record(bench.one)
    with pytest.raises(CudaError):
        bench.cuda.Device(2)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"block": (128, 1, 1)}, "do not suit"),
        ({"grid": (0, 1, 1)}, "do not suit"),
        ({"count": np.int32(16)}, "count is int32"),
        ({"args": ()}, "takes 3 arguments"),
        ({"args": (np.zeros(16, REAL), np.zeros(16, REAL), np.int64(16))}, "no device array"),
    ],
)
def test_a_launch_must_suit_the_source(bench: Bench, changes: dict, complaint: str) -> None:
    with pytest.raises(Violation, match=complaint):
        bench.launch(bench.array(), bench.array(), bench.one, **changes)


def test_addresses_are_checked(bench: Bench) -> None:
    x = bench.array()
    beyond = bench.cupy.ndarray((99_999,), dtype=REAL, memptr=x.data)
    nowhere = SimpleNamespace(nbytes=64, data=SimpleNamespace(ptr=12))
    for wrong, complaint in ((beyond, "end beyond"), (nowhere, "no device address")):
        page = np.zeros(max(wrong.nbytes // 4, 16), REAL)
        with pytest.raises(Violation, match=complaint):
            bench.up(wrong, page, bench.one)


def test_pools_keep_their_limit_and_devices_their_size(bench: Bench) -> None:
    bench.pool.set_limit(size=4096)
    kept = bench.pool.malloc(4000)
    with pytest.raises(FakeOutOfMemoryError, match="limit"):
        bench.pool.malloc(1)
    del kept
    with pytest.raises(FakeOutOfMemoryError, match="limit"):
        bench.pool.malloc(1)
    bench.pool.free_all_blocks()
    bench.pool.malloc(1)
    with pytest.raises(FakeOutOfMemoryError, match="free"):
        bench.cuda.MemoryPool().malloc(1 << 21)


def test_streams_that_wait_for_the_null_stream_are_refused(bench: Bench) -> None:
    with pytest.raises(Violation, match="null stream"):
        bench.cuda.Stream()


def test_source_that_is_no_cuda_does_not_compile(bench: Bench) -> None:
    module = bench.cupy.RawModule(code='#include "port.h"', options=())
    with pytest.raises(CompileException):
        module.get_function("twice")
