"""The cost model of a calibrated topology: for each kernel the best that is known about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hetengine.calibrate.spec import KernelCost
from hetengine.device import Work
from hetengine.sim.cost.history import SizeClass, nearest, read_line
from hetengine.sim.cost.lookup import find
from hetengine.sim.cost.regression import in_range, predict
from hetengine.sim.cost.roofline import RooflineCost
from hetengine.sim.cost.user import cost_function
from hetengine.topology import DeviceSpec

_SLOPE = 4.0  # within a class the regression may move a time by this factor at most


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

    In this order: a size class that was measured; the regression, near the range it was fitted on;
    beyond it the slower of roofline and regression; a stated constant; a user's function; the
    roofline.

    Attributes
    ----------
    used : Counter
        Launches by the model that gave their time.
    """

    used: Counter[str] = field(default_factory=Counter)
    _roofline: RooflineCost = field(default_factory=RooflineCost)
    _classes: dict[int, list[SizeClass]] = field(default_factory=dict)

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the time of one launch."""
        estimate = self.estimate(spec, work, kernel, reuse_bytes)
        self.used[estimate.model] += 1
        return estimate.seconds

    def estimate(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> Estimate:
        """Return the time of one launch and the model it comes from.

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
        measured = nearest(self._history(cost), work, reuse_bytes)
        if measured is not None:
            slope = _slope(cost, measured, work, reuse_bytes)
            return Estimate(measured.seconds * slope, "history")
        if cost.coefficients:
            seconds = predict(cost.coefficients, work, reuse_bytes)
            if in_range(cost.lower, cost.upper, work):
                return Estimate(seconds, "regression")
            bound = self._roofline.seconds(spec, work)
            return Estimate(max(seconds, bound), "bounded roofline")
        if cost.constant_seconds is not None:
            return Estimate(cost.constant_seconds, "constant")
        if cost.function:
            return Estimate(cost_function(cost.function)(spec, work), "function")
        return Estimate(self._roofline.seconds(spec, work), "roofline")

    def _history(self, cost: KernelCost) -> list[SizeClass]:
        """Return the classes of an entry, read at its first use."""
        classes = self._classes.get(id(cost))
        if classes is None:
            classes = [read_line(line) for line in cost.history]
            self._classes[id(cost)] = classes
        return classes


def _slope(cost: KernelCost, seen: SizeClass, work: Work, reuse_bytes: float) -> float:
    """How much longer a launch takes than the typical one of its class, by the regression."""
    if not cost.coefficients:
        return 1.0
    here = predict(cost.coefficients, work, reuse_bytes)
    there = predict(cost.coefficients, seen.work, seen.reuse_bytes)
    if here <= 0.0 or there <= 0.0:
        return 1.0
    return min(max(here / there, 1.0 / _SLOPE), _SLOPE)
