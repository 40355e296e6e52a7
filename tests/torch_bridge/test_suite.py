"""The torch backend against the public conformance suite of verbs; it has no kernels by name."""

from __future__ import annotations

import pytest

from hetengine.testing import Lab, VerbSuite
from hetengine.topology import DeviceSpec


class TestTorchVerbs(VerbSuite):
    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="torch", options={"device": "cpu"})

    def test_wrong_arguments_are_refused(self, lab: Lab) -> None:
        pytest.skip("this backend has no kernels; tests/torch_bridge/test_device.py has the rest")
