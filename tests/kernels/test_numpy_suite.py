"""The NumPy backend against the public conformance suite."""

from __future__ import annotations

import pytest

from hetengine.testing import BackendSuite
from hetengine.topology import DeviceSpec


class TestNumpy(BackendSuite):
    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="numpy")
