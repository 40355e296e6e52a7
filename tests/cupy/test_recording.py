"""Recorded programs on a pretended GPU: graphs, captured without a trace and launched as one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hetengine.errors import DeviceFailure, UsageError
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_cupy import CupyBackend
from hetengine_kernels import Profile, program_source
from tests.cupy.fake_cupy import make_cupy
from tests.cupy.fake_machine import Machine, Violation


@pytest.fixture
def lab(machine: Machine) -> Iterator[Lab]:
    with opened_lab(DeviceSpec("card", backend="cupy", index=1), CupyBackend().open) as opened:
        yield opened


def step(lab: Lab, values, norms) -> tuple:
    ids = lab.put(np.arange(4))
    return lab.device.load("dense_square_norms"), (values, ids, norms), Work(items=4)


def test_recording_launches_nothing_and_a_launch_everything(machine: Machine, lab: Lab) -> None:
    values, norms = lab.put(np.ones((4, 3))), lab.put(np.zeros(4))
    del machine.launched[:]
    program = lab.device.record("norms", [step(lab, values, norms)] * 3)
    assert machine.launched == []
    for count in (1, 2):
        lab.run(lab.device.launch(program, program.buffers, program.work))
        assert machine.launched == ["dense_square_norms"] * 3 * count
    assert lab.get(norms).tolist() == [3.0] * 4


def test_a_program_takes_the_time_the_device_says(lab: Lab) -> None:
    values, norms = lab.put(np.ones((4, 3))), lab.put(np.zeros(4))
    program = lab.device.record("norms", [step(lab, values, norms)])
    done = lab.device.launch(program, program.buffers, program.work)
    lab.run(done)
    assert 0.0 < done.seconds < 1.0


def test_epochs_cannot_be_recorded_and_the_device_survives(machine: Machine, lab: Lab) -> None:
    columns, order = lab.put(np.ones((4, 3))), lab.put(np.arange(4, dtype=np.int32))
    state = [lab.put(np.ones(4)) for _ in range(5)]
    args = (columns, order, *state, lab.put(np.ones(3)), 1, 1.0, 1.0, 1.0, 7)
    with pytest.raises(UsageError, match="card: epoch cannot record a kernel that reads results"):
        lab.device.record("epoch", [(lab.device.load("dense_epoch"), args, Work())])
    norms = lab.put(np.zeros(4))
    program = lab.device.record("norms", [step(lab, columns, norms)])
    lab.run(lab.device.launch(program, program.buffers, program.work))
    assert lab.get(norms).tolist() == [3.0] * 4


def test_a_wrong_argument_ends_the_capture(lab: Lab) -> None:
    values, norms = lab.put(np.ones((4, 3))), lab.put(np.zeros(4, np.float32))
    with pytest.raises(UsageError, match="out holds float32, must hold float64"):
        lab.device.record("wrong", [step(lab, values, norms)])


def test_kernels_of_another_device_are_refused(lab: Lab) -> None:
    values, norms = lab.put(np.ones((4, 3))), lab.put(np.zeros(4))
    _, args, work = step(lab, values, norms)
    foreign = lab.host.load("dense_square_norms")
    with pytest.raises(UsageError, match="dense_square_norms, which was loaded elsewhere"):
        lab.device.record("foreign", [(foreign, args, work)])


def test_source_that_does_not_build_is_told_at_once(machine: Machine, lab: Lab) -> None:
    values, norms = lab.put(np.ones((4, 3))), lab.put(np.zeros(4))
    machine.broken_source = True
    with pytest.raises(DeviceFailure, match="kernel program dense does not build"):
        lab.device.record("norms", [step(lab, values, norms)])


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda cuda: cuda.Stream(non_blocking=True).end_capture(), "was not begun"),
        (lambda cuda: _captured(cuda).synchronize(), "is being captured"),
        (lambda cuda: _captured(cuda).begin_capture(), "in use"),
        (lambda cuda: cuda.Event(block=True).record(_captured(cuda)), "has no time"),
        (lambda cuda: cuda.runtime.memcpyAsync(1, 2, 4, 1, _captured(cuda).ptr), "a copy in"),
    ],
)
def test_the_pretended_machine_sees_broken_captures(wrong, complaint: str) -> None:
    machine = Machine()
    with pytest.raises(Violation, match=complaint):
        wrong(make_cupy(machine).cuda)


def _captured(cuda):
    stream = cuda.Stream(non_blocking=True)
    stream.begin_capture()
    return stream


def test_the_pretended_machine_sees_a_graph_on_freed_memory() -> None:
    machine = Machine()
    cupy = make_cupy(machine)
    real = np.dtype(np.float32)
    defines = Profile.gpu(2).defines("common", real)
    options = tuple(f"-D{key}={value}" for key, value in defines.items())
    module = cupy.RawModule(code=program_source("common"), options=options)
    pool, stream = cupy.cuda.MemoryPool(), _captured(cupy.cuda)
    x, y = (cupy.ndarray((16,), dtype=real, memptr=pool.malloc(64)) for _ in range(2))
    kernel = module.get_function("twice").kernel
    kernel((1, 1, 1), (256, 1, 1), (x, y, np.int64(16)), stream=stream)
    graph = stream.end_capture()
    del x
    graph.launch(stream=stream)
    with pytest.raises(Violation, match="use after free"):
        stream.synchronize()


def test_the_pretended_machine_sees_a_graph_on_another_device() -> None:
    machine = Machine(devices=2)
    cuda = make_cupy(machine).cuda
    graph = _captured(cuda).end_capture()
    with cuda.Device(1):
        other = cuda.Stream(non_blocking=True)
    with pytest.raises(Violation, match="another device"):
        graph.launch(stream=other)


def test_the_pretended_machine_sees_a_capture_that_never_ends() -> None:
    machine = Machine()
    _captured(make_cupy(machine).cuda)
    with pytest.raises(Violation, match="never ended"):
        machine.check_idle()
