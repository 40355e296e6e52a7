"""What a cost model is."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from hetengine.topology import DeviceSpec
from hetengine.work import Work


class CostModel(Protocol):
    """What decides the time of a launch in simulation."""

    @property
    def used(self) -> Counter[str]:
        """Launches by what gave their time, for instance ``history`` or ``roofline``."""
        ...

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the time of one launch.

        Parameters
        ----------
        spec : DeviceSpec
            The device.
        work : Work
            What the launch has to do.
        kernel : str
            Name of the kernel, for models that know kernels apart.
        reuse_bytes : float
            Bytes that have gone through the caches since what it reads was used last, for models
            that know caches.

        Returns
        -------
        float
            Seconds, finite and at least 0.
        """
        ...
