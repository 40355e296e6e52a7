"""Recorded programs on OpenCL: prepared launches, what they refuse, the memory they compute in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hetengine.errors import OutOfCapacity, UsageError
from hetengine.nets.planes import Planes, padded_channels
from hetengine.registry import backend
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work

SPEC = DeviceSpec("card", backend="opencl")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with opened_lab(SPEC, backend("opencl").open) as opened:
        yield opened


def sums(lab: Lab, images: int = 16) -> tuple:
    """A step that needs a workspace: statistics of planes."""
    planes = Planes(images, 8, 8)
    y = np.ones((padded_channels(4), planes.length), np.float32)
    arrays = (y, y[0], *(np.ones(n, np.float32) for n in (4, 4, 8, 32)))
    args = (*(lab.put(each) for each in arrays), images, 4, 8, 8, 1e-5, 0.1)
    return lab.device.load("net_norm"), args, Work(items=images)


def test_two_programs_of_one_kernel_keep_their_arguments_apart(lab: Lab) -> None:
    norms = lab.device.load("dense_square_norms")
    values, ids = lab.put(np.ones((4, 3), np.float32)), lab.put(np.arange(4))
    outs = [lab.put(np.zeros(4, np.float32)) for _ in range(3)]
    programs = [lab.device.record("one", [(norms, (values, ids, out), Work())]) for out in outs[:2]]
    lab.call("dense_square_norms", values, ids, outs[2])
    lab.run(lab.device.launch(programs[0], programs[0].buffers, programs[0].work))
    assert [lab.get(out).any() for out in outs] == [True, False, True]
    lab.run(lab.device.launch(programs[1], programs[1].buffers, programs[1].work))
    assert all(lab.get(out).tolist() == [3.0] * 4 for out in outs)


def test_epochs_cannot_be_recorded(lab: Lab) -> None:
    columns, order = lab.put(np.ones((4, 3))), lab.put(np.arange(4, dtype=np.int32))
    state = [lab.put(np.ones(4)) for _ in range(5)]
    args = (columns, order, *state, lab.put(np.ones(3)), 1, 1.0, 1.0, 1.0, 7)
    with pytest.raises(UsageError, match="card: epoch cannot record a kernel that reads results"):
        lab.device.record("epoch", [(lab.device.load("dense_epoch"), args, Work())])


def test_kernels_of_another_device_are_refused(lab: Lab) -> None:
    kernel, args, work = sums(lab)
    with pytest.raises(UsageError, match="net_norm, which was loaded elsewhere"):
        lab.device.record("foreign", [(lab.host.load(kernel.name), args, work)])


def test_the_workspace_is_shared_and_as_large_as_the_largest(lab: Lab) -> None:
    steps = [sums(lab, images) for images in (16, 512, 32)]
    lab.device.record("three", steps)
    held = lab.device.memory.held["kernel workspace"]
    for step in steps:
        lab.device.record("again", [step])
        lab.call(step[0].name, *step[1])
    assert lab.device.memory.held["kernel workspace"] == held


def test_a_workspace_counts_against_the_capacity() -> None:
    spec = DeviceSpec("card", backend="opencl", capacity_bytes=1 << 20)
    with opened_lab(spec, backend("opencl").open) as lab:
        step = sums(lab, 16)
        free = lab.device.memory.free_bytes
        assert free is not None
        lab.device.alloc("the rest", free, np.uint8)
        with pytest.raises(OutOfCapacity, match="kernel workspace needs"):
            lab.device.record("norm", [step])
