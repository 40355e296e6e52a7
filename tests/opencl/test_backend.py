"""Opening OpenCL devices: which one, which options, and what is said where it cannot be."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

import pytest

from hetengine.clock import VirtualClock, WallClock
from hetengine.errors import BackendUnavailable, OutOfCapacity, UsageError
from hetengine.topology import DeviceSpec
from hetengine_opencl import OpenClBackend, check, found, icd
from hetengine_opencl import probe as probing
from hetengine_opencl.device import OpenClDevice

SPEC = DeviceSpec("card", backend="opencl")


def open_with(spec: DeviceSpec = SPEC, **options: Any) -> OpenClDevice:
    device = OpenClBackend().open(replace(spec, options=options), WallClock(), lambda span: None)
    assert isinstance(device, OpenClDevice)
    device.close()
    return device


def test_a_device_is_found_here_and_tells_what_it_is() -> None:
    (info, *_) = OpenClBackend().devices()
    assert info.index == 0
    assert info.memory_bytes
    facts = open_with().facts
    assert facts["device"] == info.name
    assert facts["event_times"] == "device"
    assert 0.0 < float(facts["launch_seconds"]) < 0.1


def test_devices_are_chosen_by_a_part_of_their_name() -> None:
    name = OpenClBackend().devices()[0].name
    assert open_with(device=name[:4].lower()).facts["device"] == name
    with pytest.raises(BackendUnavailable, match=r"options\.device='nothing'; allowed: "):
        open_with(device="nothing")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"block_solvers": "tile"}, "did you mean 'block_solver'"),
        ({"block_solver": "exact"}, "allowed: auto, async, tile"),
        ({"concurrency": 0}, "concurrency=0 must be a whole number of at least 1"),
        ({"tile": 6}, "tile=6 must be a multiple of 4"),
        ({"work_group": 3}, "work_group=3 must be a power of two"),
        ({"compute_units": 1000}, "does not divide"),
        ({"compute_units": "all"}, "must be whole numbers"),
        ({"compute_units": 1, "sub_device": 99}, "sub_device=99"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_with(**options)


def test_a_part_of_a_device_can_be_opened() -> None:
    assert open_with(compute_units=1).handle.max_compute_units == 1


def test_a_backend_opens_only_what_it_has() -> None:
    backend, clock = OpenClBackend(), WallClock()
    with pytest.raises(BackendUnavailable, match=r"card.index=99: OpenCL has \d+ such devices"):
        open_with(replace(SPEC, index=99))
    with pytest.raises(BackendUnavailable, match="wall clock"):
        backend.open(SPEC, VirtualClock(), lambda span: None)
    with pytest.raises(BackendUnavailable, match="cannot be the host"):
        backend.open(replace(SPEC, role="host"), clock, lambda span: None)


def test_more_than_the_driver_has_is_out_of_capacity() -> None:
    device = OpenClBackend().open(SPEC, WallClock(), lambda span: None)
    before = device.memory.used_bytes
    with pytest.raises(OutOfCapacity, match=r"huge needs .* this machine has not that much free"):
        device.alloc("huge", 1 << 46, "u1")
    assert device.memory.used_bytes == before
    device.close()


def test_scratch_counts_against_the_capacity() -> None:
    device = open_with(replace(SPEC, capacity_bytes=1 << 20))
    assert 0 < device.memory.used_bytes < (1 << 20) // 16
    with pytest.raises(OutOfCapacity, match="kernel scratch"):
        open_with(replace(SPEC, capacity_bytes=64), block_solver="tile")


def test_doctor_sees_every_step_pass() -> None:
    checks = OpenClBackend().check()
    assert [each for each in checks if not each.ok] == []
    names = [each.name for each in checks]
    assert names[0] == "import"
    assert {"platforms", "device 0", "device 0 event times"} <= set(names)


def test_doctor_says_how_to_install_what_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *args, **kwargs):
        if name == "pyopencl":
            raise ModuleNotFoundError("No module named 'pyopencl'", name="pyopencl")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)
    (only,) = check.checks()
    assert only.absent
    assert not only.ok
    assert only.remedy == 'pip install "hetengine[opencl]"'


def test_doctor_repeats_the_loaders_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = icd._opened("broken.icd", "/nowhere/libbroken.so")
    assert "libbroken.so" in driver.reason
    monkeypatch.setattr(icd, "drivers", lambda: (driver,))
    monkeypatch.setattr(icd, "platforms", tuple)
    checks = check.checks()
    assert [(each.name, each.ok) for each in checks] == [
        ("import", True),
        ("driver broken.icd", False),
        ("platforms", False),
    ]
    assert checks[1].detail == driver.reason
    assert checks[2].remedy == 'pip install "hetengine[opencl-cpu]"'


def test_a_driver_that_answers_wrong_is_never_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = probing.Probe("a probe kernel ran and answered wrong")
    monkeypatch.setattr(found, "probed", lambda number: wrong)
    with pytest.raises(BackendUnavailable, match="answered wrong; type `hetengine doctor`"):
        open_with()
    (info, *_) = OpenClBackend().devices()
    assert info.detail == "cannot be used: a probe kernel ran and answered wrong"
    failed = [each for each in OpenClBackend().check() if not each.ok]
    assert [each.name for each in failed] == [f"device {k}" for k in range(len(found.found()))]


def test_no_driver_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "found", tuple)
    with pytest.raises(BackendUnavailable, match=r"no OpenCL driver .*opencl-cpu"):
        open_with()


def test_a_platform_that_aborts_is_asked_in_a_process_of_its_own() -> None:
    assert probing.aborts(found.found()[0].device.platform.name.strip()) == ""
    assert probing.aborts("none") == "a probe kernel ended the process: it offers no device"


def test_a_device_of_an_aborting_platform_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = found.found()[0].device.platform.name.strip()
    monkeypatch.setattr(found, "ABORTING", platform)
    monkeypatch.setattr(found, "aborts", lambda name: f"{name} aborts")
    monkeypatch.setattr(found, "probe", lambda device: pytest.fail("asked in this process"))
    found.probed.cache_clear()
    try:
        assert found.probed(0).reason == f"{platform} aborts"
    finally:
        found.probed.cache_clear()


def test_the_users_own_list_of_drivers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    icd.drivers.cache_clear()
    try:
        monkeypatch.setenv("OCL_ICD_VENDORS", "/nowhere/libmine.so")
        (driver,) = icd.drivers()
        assert driver.library == "/nowhere/libmine.so"
        assert driver.reason
    finally:
        icd.drivers.cache_clear()
