"""Finding a GPU: what is missing and what to type, which one is meant, what doctor says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hetengine.backend import DeviceInfo
from hetengine.clock import VirtualClock, WallClock
from hetengine.errors import BackendUnavailable, UsageError
from hetengine.topology import DeviceSpec
from hetengine_cupy import CupyBackend, cuda
from hetengine_cupy.backend import choose
from tests.cupy.fake_machine import Machine

SPEC = DeviceSpec("card", backend="cupy")


def broken_import(name: str, message: str) -> Callable[[], Any]:
    def load() -> Any:
        raise ModuleNotFoundError(message, name=name)

    return load


def refused(spec: DeviceSpec = SPEC, clock: Any = None) -> str:
    with pytest.raises(BackendUnavailable) as error:
        CupyBackend().open(spec, clock or WallClock(), lambda span: None)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_without_cupy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "load", broken_import("cupy", "No module named 'cupy'"))
    assert "pip install 'hetengine[cuda]'" in refused()
    assert CupyBackend().devices() == []
    (check,) = CupyBackend().check()
    assert (check.ok, check.absent) == (False, True)
    assert check.remedy == "pip install 'hetengine[cuda]'"


def test_a_broken_cupy_is_not_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "load", broken_import("numpy.wrong", "numpy.wrong is\ngone"))
    assert "numpy.wrong is gone" in refused()
    (check,) = CupyBackend().check()
    assert (check.ok, check.absent) == (False, False)
    assert "--force-reinstall" in check.remedy


def test_without_a_driver_it_says_so(machine: Machine) -> None:
    machine.driver = 0
    assert "there is no NVIDIA driver" in refused()
    assert "nvidia-smi" in refused()
    with pytest.raises(BackendUnavailable, match="driver"):
        CupyBackend().devices()
    assert [(check.name, check.ok) for check in CupyBackend().check()] == [
        ("import", True),
        ("driver", False),
    ]


def test_an_old_driver_is_told_from_none(machine: Machine) -> None:
    machine.driver = 12080
    message = refused()
    assert "too old: CUDA 12.8, CuPy was built with 13.0" in message
    assert "pip uninstall -y cupy-cuda13x && pip install cupy-cuda12x" in message


def test_hidden_gpus_are_mentioned(machine: Machine) -> None:
    machine.devices = 0
    assert "CUDA_VISIBLE_DEVICES" in refused()


def test_without_a_compiler_its_package_is_named(machine: Machine) -> None:
    machine.compiler = None
    assert "pip install 'nvidia-cuda-nvrtc==13.*'" in refused()
    machine.runtime = 12090
    assert "pip install 'nvidia-cuda-nvrtc-cu12'" in refused()


@pytest.mark.parametrize(
    ("settings", "index"),
    [
        ({}, 0),
        ({"index": 2}, 2),
        ({"options": {"device": "h200"}}, 1),
        ({"options": {"device": "nvidia"}, "index": 1}, 1),
        ({"options": {"device": "H200"}, "index": 1}, 2),
    ],
)
def test_a_gpu_is_meant_by_index_or_name(settings: dict, index: int) -> None:
    names = ["NVIDIA A10", "NVIDIA H200", "NVIDIA H200"]
    cards = [DeviceInfo("cupy", k, name) for k, name in enumerate(names)]
    assert choose(DeviceSpec("card", **settings), cards) == index


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"index": 2}, r"index=2: there are 2 GPUs \(0 Pretended GPU A, .*at most 1"),
        ({"options": {"device": "H200"}}, "no such GPU; allowed: Pretended GPU A"),
        ({"options": {"device": "A"}, "index": 1}, "there are 2 GPUs|at most 0"),
    ],
)
def test_a_gpu_that_is_not_there(machine: Machine, settings: dict, complaint: str) -> None:
    with pytest.raises(BackendUnavailable, match=complaint):
        CupyBackend().open(DeviceSpec("card", **settings), WallClock(), lambda span: None)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"options": {"concurency": 2}}, "did you mean 'concurrency'"),
        ({"options": {"block_solver": "tiles"}}, "did you mean 'tile'"),
        ({"role": "host"}, "set backend: numpy"),
    ],
)
def test_what_cannot_be_meant_is_refused(machine: Machine, settings: dict, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        CupyBackend().open(DeviceSpec("card", **settings), WallClock(), lambda span: None)


def test_a_real_device_needs_the_wall_clock(machine: Machine) -> None:
    assert "wall clock" in refused(clock=VirtualClock())


def test_doctor_runs_a_kernel_on_every_gpu(machine: Machine) -> None:
    checks = CupyBackend().check()
    assert [check.name for check in checks] == [
        "import",
        "driver",
        "devices",
        "compiler",
        "device 0 Pretended GPU A",
        "device 0 event times",
        "device 1 Pretended GPU B",
        "device 1 event times",
    ]
    assert all(check.ok for check in checks)
    assert not any(check.remedy for check in checks)
    assert "us a launch" in checks[4].detail


def test_doctor_reports_a_gpu_whose_kernels_do_not_compile(machine: Machine) -> None:
    machine.broken_source = True
    failed = [check for check in CupyBackend().check() if not check.ok]
    assert [check.name for check in failed] == ["device 0", "device 1"]
    assert "error: identifier is undefined" in failed[0].detail
    assert failed[0].remedy.startswith("pip install")


def test_doctor_reports_a_wrong_answer(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("tests.cupy.fake_kernels", fromlist=["KERNELS"]).KERNELS,
        "dense_square_norms",
        lambda a, groups: None,
    )
    failed = [check for check in CupyBackend().check() if not check.ok]
    assert [check.name for check in failed] == [
        "device 0 Pretended GPU A",
        "device 1 Pretended GPU B",
    ]
    assert "answers wrong" in failed[0].detail


def test_devices_are_listed_with_memory_and_compute_capability(machine: Machine) -> None:
    found = CupyBackend().devices()
    assert [(each.index, each.name) for each in found] == [
        (0, "Pretended GPU A"),
        (1, "Pretended GPU B"),
    ]
    assert found[0].memory_bytes == machine.device_bytes
    assert found[0].detail == "compute 9.0, 2 multiprocessors"


def test_kernels_exist_on_devices_only() -> None:
    assert CupyBackend().implementations() == {}
