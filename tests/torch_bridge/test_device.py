# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""What the torch backend refuses, and how it shares PyTorch's threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from hetengine.clock import VirtualClock, WallClock
from hetengine.device import Device, HostFunction
from hetengine.errors import BackendUnavailable, OutOfCapacity, UsageError
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_torch import TorchBackend
from hetengine_torch import backend as backend_module

SPEC = DeviceSpec("card", backend="torch", options={"device": "cpu"}, capacity_bytes=10_000)


def open_device(spec: DeviceSpec, clock: WallClock, observe) -> Device:
    return TorchBackend().open(spec, clock, observe)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with opened_lab(SPEC, open_device) as made:
        yield made


def test_wrong_arguments_are_refused(lab: Lab) -> None:
    host, buffer = lab.host.alloc("h", 5, np.int32), lab.put(np.zeros(5, np.int32))
    with pytest.raises(UsageError, match="on host"):
        lab.launch(len, host)
    with pytest.raises(UsageError, match="exactly one end"):
        lab.device.copy(host, host)
    with pytest.raises(UsageError, match="take sections"):
        lab.device.copy(buffer, host.section(0, 3))
    with pytest.raises(UsageError, match="trains PyTorch modules only and has no kernel 'epoch'"):
        lab.device.load("epoch")
    with pytest.raises(UsageError, match="on the host"):
        lab.device.launch(HostFunction("plain", len), (), Work())
    with pytest.raises(UsageError, match="on the host"):
        lab.launch(len, np.zeros(2))


def test_storage_is_a_tensor_and_the_capacity_counts(lab: Lab) -> None:
    buffer = lab.device.alloc("x", (3, 4), np.float64)
    assert isinstance(buffer.array, torch.Tensor)
    assert buffer.array.dtype == torch.float64
    assert lab.device.memory.used_bytes == 96
    with pytest.raises(OutOfCapacity, match="big needs 20,000 bytes"):
        lab.device.alloc("big", 20_000, np.uint8)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (replace(SPEC, options={"devise": "cpu"}), "options.devise is unknown; did you mean 'dev"),
        (replace(SPEC, options={"device": "gpu"}), r"options\.device='gpu'; .*auto, cpu, cuda"),
        (replace(SPEC, role="host"), "cannot be the host"),
        (replace(SPEC, index=1), r"index=1: PyTorch has one CPU device"),
    ],
)
def test_wrong_specs_are_refused(spec: DeviceSpec, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_device(spec, WallClock(), print)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_cuda_is_refused_and_auto_is_the_cpu() -> None:
    with pytest.raises(BackendUnavailable, match="sees no GPU; install a CUDA build"):
        open_device(replace(SPEC, options={"device": "cuda"}), WallClock(), print)
    device = open_device(replace(SPEC, options={}), WallClock(), print)
    assert device.facts["device"] == "cpu"
    device.close()


def test_a_real_device_needs_the_wall_clock() -> None:
    with pytest.raises(BackendUnavailable, match="wall clock"):
        TorchBackend().open(SPEC, VirtualClock(), print)


def test_pytorch_has_one_number_of_threads() -> None:
    before = torch.get_num_threads()
    first = open_device(replace(SPEC, threads=1), WallClock(), print)
    assert torch.get_num_threads() == 1
    with pytest.raises(
        UsageError, match=r"threads=2, but PyTorch computes with 1 for another device"
    ):
        open_device(replace(SPEC, name="other", threads=2), WallClock(), print)
    second = open_device(replace(SPEC, name="other", threads=1), WallClock(), print)
    first.close()
    first.close()
    assert torch.get_num_threads() == 1
    second.close()
    assert torch.get_num_threads() == before


def test_doctor_and_devices_know_the_cpu() -> None:
    backend = TorchBackend()
    assert next(info.name for info in backend.devices()) == "cpu"
    assert all(check.ok for check in backend.check())
    assert backend.implementations() == {}


def test_without_pytorch_it_is_absent_and_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend_module, "installed", lambda: False)
    backend = TorchBackend()
    assert backend.devices() == []
    (check,) = backend.check()
    assert check.absent
    assert check.remedy == 'pip install "hetengine[torch]"'
    with pytest.raises(BackendUnavailable, match=r"not installed; type pip install"):
        open_device(SPEC, WallClock(), print)
