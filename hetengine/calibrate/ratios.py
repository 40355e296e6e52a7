"""What commands of real runs take, over what a calibration says they take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hetengine.calibrate.estimate import NORMAL_95, OF_MEDIANS, with_pauses
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
        self._between: dict[str, list[tuple[float, float]]] = defaultdict(list)

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
            self._note_between(dispatch_key(self._host), samples.issue_seconds, issue)
        for (device, way), samples in harvest.copies.items():
            link = self._links[device]
            rate = link.up_bytes_per_second if way == "up" else link.down_bytes_per_second
            expected = [link.latency_seconds + work.bytes_read / rate for work in samples.works]
            note(link_key(link.name), samples.seconds, expected)
            issue = [link.host_seconds] * len(expected)
            self._note_between(dispatch_key(self._host), samples.issue_seconds, issue)
        for (device, lag), seconds in harvest.lags.items():
            known = getattr(self._specs[device].dispatch, lag)
            self._note_between(lag_key(device, lag), seconds, [known] * len(seconds))
        for key, (measured, modelled) in sums.items():
            if measured > 0.0 and modelled > 0.0:
                self._runs[key].append((measured, modelled))

    def factors(self) -> dict[str, tuple[float, float]]:
        """Return by key the logarithm of measured over modelled time, and its standard error.

        Of kernels and links the median over the runs: single runs are slower for reasons of their
        own. What a run tells is the better the longer it takes, but a few long ones must not
        decide, so each counts by the square root of its time. Of what lies between commands the
        mean, as in the calibration: rare pauses make much of it, and a median would leave them out.
        """
        found = {key: _middle(np.asarray(runs)) for key, runs in self._runs.items()}
        found |= {key: _mean(np.asarray(times)) for key, times in self._between.items()}
        return dict(sorted(found.items()))

    def _note_between(self, key: str, measured: Sequence[float], modelled: Sequence[float]) -> None:
        """Take in times between commands; those that the calibration has as 0 say nothing."""
        pairs = zip(measured, modelled, strict=True)
        self._between[key] += [pair for pair in pairs if pair[1] > 0.0]
        if not self._between[key]:
            del self._between[key]

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


def _mean(times: np.ndarray) -> tuple[float, float]:
    """Logarithm of the ratio of means, shape (n, 2), and its standard error."""
    modelled = times[:, 1].mean()
    middle, half = with_pauses((times[:, 0] * modelled / times[:, 1]).tolist())
    return math.log(middle / modelled), math.hypot(half / (NORMAL_95 * middle), _LEAST_ERROR)


def _middle(runs: np.ndarray) -> tuple[float, float]:
    """Median of the logarithms of the ratios, shape (n, 2), and its standard error."""
    logs, weights = np.log(runs[:, 0] / runs[:, 1]), np.sqrt(runs[:, 1])
    middle = weighted_median(logs, weights)
    share = weights / weights.sum()
    square = float(share @ (logs - middle) ** 2) * float(share @ share)
    return middle, float(np.hypot(OF_MEDIANS * np.sqrt(square), _LEAST_ERROR))
