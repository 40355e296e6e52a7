"""The cost model of a calibrated topology: for each kernel the best that is known about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from hetengine.calibrate.spec import KernelCost
from hetengine.sim.cost.drift import Drift
from hetengine.sim.cost.history import SizeClass, read_line
from hetengine.sim.cost.lookup import find, key_of
from hetengine.sim.cost.neighbours import Neighbours
from hetengine.sim.cost.regression import in_range
from hetengine.sim.cost.roofline import RooflineCost
from hetengine.sim.cost.user import cost_function
from hetengine.topology import DeviceSpec
from hetengine.work import Work


@dataclass(frozen=True, slots=True)
class Estimate:
    """A time and where it comes from.

    Attributes
    ----------
    seconds : float
        Of one launch.
    model : {'history', 'regression', 'bounded roofline', 'constant', 'function', 'roofline'}
        What was used.
    """

    seconds: float
    model: str


@dataclass
class KernelCosts:
    """Times of launches by what the topology says of their kernels.

    In this order: launches alike that were measured; the regression, corrected by the measurements
    around, near the range it was fitted on; beyond it the slower of roofline and regression; a
    stated constant; a user's function; the roofline. What a refresh of the calibration has found
    comes on top.

    Attributes
    ----------
    drift : Drift
        By how much kernels have become slower since they were measured.
    used : Counter
        Launches by the model that gave their time.
    """

    drift: Drift = field(default_factory=Drift)
    used: Counter[str] = field(default_factory=Counter)
    _roofline: RooflineCost = field(default_factory=RooflineCost)
    _known: dict[int, Neighbours] = field(default_factory=dict)

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the time of one launch, as the machine is now."""
        estimate = self.estimate(spec, work, kernel, reuse_bytes)
        self.used[estimate.model] += 1
        return estimate.seconds * self.drift.kernel(spec.name, kernel)

    def estimate(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> Estimate:
        """Return the time of one launch as it was measured, and the model it comes from.

        Parameters
        ----------
        spec : DeviceSpec
            The device, with its table of kernels.
        work : Work
            What the launch has to do; its variant says which entry counts.
        kernel : str
            Name of the kernel.
        reuse_bytes : float
            Bytes that have gone through the caches since what it reads was used last.
        """
        cost = find(spec.kernels, kernel, work.variant)
        if cost is None:
            return Estimate(self._roofline.seconds(spec, work), "roofline")
        key = key_of(kernel, work.variant)
        seconds, measured = self._neighbours(spec.name, key, cost).seconds(work, reuse_bytes)
        if measured:
            return Estimate(seconds, "history")
        if cost.coefficients:
            if in_range(cost.lower, cost.upper, work):
                return Estimate(seconds, "regression")
            bound = self._roofline.seconds(spec, work)
            return Estimate(max(seconds, bound), "bounded roofline")
        if cost.constant_seconds is not None:
            return Estimate(cost.constant_seconds, "constant")
        if cost.function:
            return Estimate(cost_function(cost.function)(spec, work), "function")
        return Estimate(self._roofline.seconds(spec, work), "roofline")

    def _neighbours(self, device: str, key: str, cost: KernelCost) -> Neighbours:
        """Return the measurements of an entry as they would be now, read at its first use."""
        known = self._known.get(id(cost))
        if known is None:
            classes = [self._now(device, key, read_line(line)) for line in cost.history]
            known = self._known[id(cost)] = Neighbours(classes, cost.coefficients)
        return known

    def _now(self, device: str, key: str, known: SizeClass) -> SizeClass:
        factor = self.drift.local(device, key, known.work, known.reuse_bytes)
        return known if factor == 1.0 else replace(known, seconds=factor * known.seconds)
