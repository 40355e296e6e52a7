"""The CuPy backend on a real GPU: the conformance suite, whole runs, and what only a GPU can show.

``make gpu`` runs these; elsewhere they are skipped and say what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
import simpy

from hetengine.errors import OutOfCapacity
from hetengine.problems import Kind
from hetengine.record.recorder import Recorder
from hetengine.registry import backend
from hetengine.testing import BackendSuite, EpochBench, Lab, NetSuite, opened_lab
from hetengine.testing.bench import SEED, SIGMA, L, close_to
from hetengine.testing.reference import make_columns, make_terms, plain_epoch, shuffled
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_cupy import CupyBackend, cuda
from hetengine_cupy.device import CupyDevice
from tests.cupy.training import PROBLEMS, TOLERANCE, train
from tests.kernels.net_training import relative, small_resnet, trained

pytestmark = pytest.mark.gpu
SPEC = DeviceSpec("card", backend="cupy")
SHAPE = (1500, 1000)


for _check in cuda.probe():
    if not _check.ok:
        _reason = f"needs an NVIDIA GPU: {_check.detail}; {_check.remedy}"
        pytest.skip(_reason, allow_module_level=True)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with opened_lab(SPEC, CupyBackend().open) as opened:
        yield opened


class TestCuda(BackendSuite):
    sequential: ClassVar[Mapping[str, str | int | float]] = {
        "concurrency": 1,
        "block_solver": "async",
    }

    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return SPEC


class TestCudaNets(NetSuite):
    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return SPEC


def test_resnet20_agrees_with_numpy_after_twenty_steps(lab: Lab) -> None:
    net = small_resnet()
    with opened_lab(DeviceSpec("card", backend="numpy"), backend("numpy").open) as other:
        right = trained(other, net, 16, 20, "float32")
    found = trained(lab, net, 16, 20, "float32")
    assert relative(found.parameters, right.parameters) < 1e-4
    assert relative(found.statistics, right.statistics) < 1e-4
    assert relative(found.losses, right.losses) < 1e-3


@cache
def reference(name: str, sparse: bool) -> float:
    return train(name, sparse, "numpy", shape=SHAPE).objective


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_reaches_the_optimum(name: str, sparse: bool) -> None:
    recorder = Recorder()
    result = train(name, sparse, shape=SHAPE, memory_fraction=0.5, recorder=recorder)
    assert result.status == "converged"
    assert result.relative_gap <= TOLERANCE
    assert result.objective == pytest.approx(reference(name, sparse), rel=2 * TOLERANCE)


@pytest.mark.parametrize("block_solver", ["async", "tile", "auto"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_both_block_solvers_reach_the_optimum(name: str, block_solver: str) -> None:
    options = {"block_solver": block_solver}
    result = train(name, False, shape=SHAPE, memory_fraction=None, options=options)
    assert result.objective == pytest.approx(reference(name, False), rel=2 * TOLERANCE)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (33, 17), (200, 1100)])
def test_tiles_take_the_steps_of_sequential_descent(kind: Kind, n: int, d: int) -> None:
    columns = make_columns(n, d, "dense", np.float64)
    terms = make_terms(kind, columns, L)
    w = np.random.default_rng(2).normal(size=d)
    order = shuffled(np.arange(n, dtype=np.int32), SEED)
    expected = plain_epoch(kind, columns, terms, w, order, L, SIGMA)
    options = {"block_solver": "tile", "concurrency": 1, "tile": 8}
    spec = DeviceSpec("card", backend="cupy", options=options)
    with opened_lab(spec, CupyBackend().open) as opened:
        bench = EpochBench(opened, columns, terms, w)
        bench.epoch(kind, SEED)
        for name, want in (("alpha", expected.alpha), ("w", expected.w), ("gap", expected.gaps)):
            close_to(bench.get(name), want, "float64", 20)


def test_real_out_of_memory_is_out_of_capacity(lab: Lab) -> None:
    assert isinstance(lab.device, CupyDevice)
    (info,) = [each for each in CupyBackend().devices() if each.index == 0]
    assert info.memory_bytes is not None
    used = lab.device.memory.used_bytes
    with pytest.raises(OutOfCapacity, match="this machine has not that much free"):
        lab.device.alloc("everything and more", 2 * info.memory_bytes, np.uint8)
    assert lab.device.memory.used_bytes == used
    np.testing.assert_array_equal(lab.get(lab.put(np.arange(5.0))), np.arange(5.0))


def test_arrays_beyond_two_gibibytes_are_reached(lab: Lab) -> None:
    rows, length = 700_000, 1024  # 2.9e9 bytes
    values = lab.device.alloc("values", (rows, length), np.float32)
    last = lab.host.alloc("last", length, np.float32)
    last.array[:] = 2.0
    lab.run(lab.device.copy(values.section((rows - 1) * length * 4, length), last))
    out = lab.put(np.zeros(rows, np.float32))
    lab.call("dense_square_norms", values, lab.put(np.arange(rows - 3, rows)), out)
    assert lab.get(out)[-3:].tolist() == [0.0, 0.0, 4.0 * length]


def test_copies_travel_while_a_kernel_runs(lab: Lab) -> None:
    values = lab.put(np.ones((20_000, 4096), np.float32))
    ids, out = lab.put(np.arange(20_000)), lab.put(np.zeros(20_000, np.float32))
    host = lab.host.alloc("h", 1 << 26, np.uint8)
    lab.device.pin(host)
    target = lab.device.alloc("x", 1 << 26, np.uint8)
    kernel = lab.device.load("dense_square_norms")
    args: tuple[Any, ...] = (values, ids, out)
    lab.run(lab.device.launch(kernel, args, Work()))
    runs = [lab.device.launch(kernel, args, Work()) for _ in range(40)]
    copies = [lab.device.copy(target, host) for _ in range(4)]
    lab.run(simpy.AllOf(lab.clock, [*runs, *copies]))
    assert copies[0].start_seconds < runs[-1].end_seconds
    assert runs[0].start_seconds < copies[-1].end_seconds


def test_pinned_copies_are_faster_than_staged_ones(lab: Lab) -> None:
    size, seconds = 1 << 27, []
    target = lab.device.alloc("x", size, np.uint8)
    for pinned in (False, True):
        host = lab.host.alloc(f"h{pinned}", size, np.uint8)
        if pinned:
            lab.device.pin(host)
        events = [lab.device.copy(target, host) for _ in range(5)]
        lab.run(events[-1])
        seconds.append(min(event.seconds for event in events))
    assert seconds[1] < seconds[0]


def test_a_launch_costs_less_than_fifty_microseconds(lab: Lab) -> None:
    assert 0.0 < float(lab.device.facts["launch_seconds"]) < 50e-6


def test_doctor_finds_nothing_to_mend() -> None:
    assert all(check.ok for check in CupyBackend().check())
