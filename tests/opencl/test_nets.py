"""The kernels of nets on every OpenCL device of this machine, against the NumPy backend."""

from __future__ import annotations

import pytest

from hetengine.testing import NetSuite
from hetengine.topology import DeviceSpec


class TestOpenClNets(NetSuite):
    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="opencl")
