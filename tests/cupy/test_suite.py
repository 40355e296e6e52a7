"""The CuPy backend on a pretended machine against the public conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from hetengine.clock import WallClock
from hetengine.device import Device
from hetengine.span import Observer
from hetengine.testing import BackendSuite
from hetengine.topology import DeviceSpec
from hetengine_cupy import CupyBackend
from tests.cupy.fake_machine import Machine


class TestPretendedCuda(BackendSuite):
    """Opens the second GPU, so that whoever forgets to make it current is caught."""

    sequential: ClassVar[Mapping[str, str | int | float]] = {
        "concurrency": 1,
        "block_solver": "async",
    }

    @pytest.fixture(autouse=True)
    def _on_the_fake(self, machine: Machine) -> None:
        """Replace CuPy."""

    @pytest.fixture
    def spec(self) -> DeviceSpec:
        return DeviceSpec("card", backend="cupy", index=1)

    def open_device(self, spec: DeviceSpec, clock: WallClock, observe: Observer) -> Device:
        return CupyBackend().open(spec, clock, observe)
