"""Every OpenCL device of this machine against the public conformance suite, for real."""

from __future__ import annotations

from typing import ClassVar

import pytest

from hetengine.testing import BackendSuite
from hetengine.topology import DeviceSpec


class TestOpenCl(BackendSuite):
    sequential: ClassVar = {"concurrency": 1, "block_solver": "async"}

    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="opencl")
