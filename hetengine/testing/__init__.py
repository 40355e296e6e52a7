"""Conformance suites for whoever writes a backend; they need pytest.

A backend's tests subclass `BackendSuite` and say with one fixture which device to test:

.. code-block:: python

    class TestMine(BackendSuite):
        @pytest.fixture
        def spec(self) -> DeviceSpec:
            return DeviceSpec("card", backend="mine")
"""

from hetengine.testing.bench import EpochBench
from hetengine.testing.epochs import EpochSuite
from hetengine.testing.kernels import KernelSuite
from hetengine.testing.lab import Lab, Python, opened_lab
from hetengine.testing.nets import NetSuite
from hetengine.testing.programs import ProgramSuite
from hetengine.testing.verbs import VerbSuite

__all__ = [
    "BackendSuite",
    "EpochBench",
    "EpochSuite",
    "KernelSuite",
    "Lab",
    "NetSuite",
    "ProgramSuite",
    "Python",
    "VerbSuite",
    "opened_lab",
]


class BackendSuite(VerbSuite, ProgramSuite, KernelSuite, EpochSuite):
    """Every verb and every kernel; override the fixture ``spec``.

    Attributes
    ----------
    sequential : mapping
        Options under which an epoch is plain sequential descent in the seeded order.
    reals : tuple of type
        Precisions the device computes in.
    """
