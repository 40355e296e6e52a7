"""What commands of real runs take, over what a calibration says they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hetengine.calibrate.harvest import Harvest, Samples
from hetengine.config import TopologyConfig
from hetengine.sim.cost.drift import dispatch_key, kernel_key, kernels_key, lag_key, link_key
from hetengine.sim.cost.kernels import KernelCosts
from hetengine.sim.cost.lookup import find
from hetengine.sim.cost.outliers import weighted_median
from hetengine.sim.loop import issue_seconds
from hetengine.sim.recency import cache_domain
from hetengine.span import Span

_LEAST_ERROR = 0.02
_OF_MEDIANS = 1.2533  # standard error of a median over that of a mean


class Ratios:
    """Measured and modelled seconds of runs, by key of a drift.

    Parameters
    ----------
    topology : TopologyConfig
        As calibrated; what an earlier refresh has found is left out.
    """

    def __init__(self, topology: TopologyConfig) -> None:
        machine = topology.build()
        self._specs = {spec.name: spec for spec in machine.devices}
        self._links = {
            end: link for link in machine.links for end in link.ends if end != machine.host.name
        }
        self._host = machine.host.name
        self._domains = {spec.name: cache_domain(spec) for spec in machine.devices}
        self._costs = KernelCosts()
        self._runs: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def add(self, spans: Sequence[Span]) -> None:
        """Take in the commands of one run."""
        harvest = Harvest(domains=self._domains)
        harvest.add(spans, self._host)
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

        def note(key: str, measured: Sequence[float], modelled: Sequence[float]) -> None:
            sums[key][0] += sum(measured)
            sums[key][1] += sum(modelled)

        for (device, key), samples in harvest.kernels.items():
            kernel = key.partition("/")[0]
            expected = self._kernel_seconds(device, kernel, samples)
            note(kernel_key(device, kernel), samples.seconds, expected)
            note(kernels_key(device), samples.seconds, expected)
            issue = self._issue_seconds(device, kernel, samples)
            note(dispatch_key(self._host), samples.issue_seconds, issue)
        for (device, way), samples in harvest.copies.items():
            link = self._links[device]
            rate = link.up_bytes_per_second if way == "up" else link.down_bytes_per_second
            expected = [link.latency_seconds + work.bytes_read / rate for work in samples.works]
            note(link_key(link.name), samples.seconds, expected)
            issue = [link.host_seconds] * len(expected)
            note(dispatch_key(self._host), samples.issue_seconds, issue)
        for (device, lag), seconds in harvest.lags.items():
            known = getattr(self._specs[device].dispatch, lag)
            note(lag_key(device, lag), seconds, [known] * len(seconds))
        for key, (measured, modelled) in sums.items():
            if measured > 0.0 and modelled > 0.0:
                self._runs[key].append((measured, modelled))

    def factors(self) -> dict[str, tuple[float, float]]:
        """Return by key the logarithm of measured over modelled time, and its standard error.

        The median over the runs: single runs are slower for reasons of their own. What a run tells
        is the better the longer it takes, but a few long ones must not decide, so each counts by
        the square root of its time.
        """
        return {key: _middle(np.asarray(runs)) for key, runs in sorted(self._runs.items())}

    def _kernel_seconds(self, device: str, kernel: str, samples: Samples) -> list[float]:
        spec = self._specs[device]
        return [
            self._costs.estimate(spec, work, kernel, reuse).seconds
            for work, reuse in zip(samples.works, samples.reuse_bytes, strict=True)
        ]

    def _issue_seconds(self, device: str, kernel: str, samples: Samples) -> list[float]:
        spec = self._specs[device]
        return [
            issue_seconds(find(spec.kernels, kernel, work.variant), work.items, spec.dispatch)
            for work in samples.works
        ]


def _middle(runs: np.ndarray) -> tuple[float, float]:
    """Median of the logarithms of the ratios, shape (n, 2), and its standard error."""
    logs, weights = np.log(runs[:, 0] / runs[:, 1]), np.sqrt(runs[:, 1])
    middle = weighted_median(logs, weights)
    share = weights / weights.sum()
    square = float(share @ (logs - middle) ** 2) * float(share @ share)
    return middle, float(np.hypot(_OF_MEDIANS * np.sqrt(square), _LEAST_ERROR))
