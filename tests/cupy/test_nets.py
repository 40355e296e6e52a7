"""The kernels of nets on a pretended GPU: the GPU's build of the source, run by a CPU driver."""

from __future__ import annotations

import pytest

from hetengine.clock import WallClock
from hetengine.device import Device
from hetengine.span import Observer
from hetengine.testing import NetSuite
from hetengine.topology import DeviceSpec
from hetengine_cupy import CupyBackend
from tests.cupy.fake_machine import Machine

pytest.importorskip("pyopencl", reason="the pretended GPU runs kernels of nets with OpenCL")


class TestPretendedCudaNets(NetSuite):
    """Opens the second GPU, so that whoever forgets to make it current is caught."""

    @pytest.fixture(autouse=True)
    def _on_the_fake(self, machine: Machine) -> None:
        """Replace CuPy."""

    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="cupy", index=1)

    def open_device(self, spec: DeviceSpec, clock: WallClock, observe: Observer) -> Device:
        return CupyBackend().open(spec, clock, observe)
