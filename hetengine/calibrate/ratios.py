"""What commands of real runs take, over what a calibration says they take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hetengine.calibrate.estimate import NORMAL_95, with_pauses
from hetengine.calibrate.harvest import Harvest, Samples
from hetengine.config import TopologyConfig
from hetengine.sim.cost.drift import dispatch_key, kernel_key, kernels_key, lag_key, link_key
from hetengine.sim.cost.history import SizeClass, class_of
from hetengine.sim.cost.kernels import KernelCosts
from hetengine.sim.cost.lookup import find
from hetengine.sim.cost.outliers import weighted_median
from hetengine.sim.loop import issue_seconds
from hetengine.sim.recency import cache_domain
from hetengine.span import Span
from hetengine.work import Work

_LEAST_ERROR = 0.02
_WHOLE_LAUNCHES = 4
_OF_MEDIANS = 1.2533  # standard error of a median over that of a mean


@dataclass
class _Run:
    """What launches of one size class took in one run, in sum."""

    measured: float = 0.0
    modelled: float = 0.0
    launches: int = 0


@dataclass
class _Class:
    """A size class, by one launch of it, and the runs it was seen in."""

    work: Work
    reuse_bytes: float
    runs: list[_Run] = field(default_factory=list)

    def line(self, factor: float) -> str:
        """Write what it takes beside its kernel's factor; a few launches count as part of a run."""
        logs = np.log([each.measured / each.modelled for each in self.runs]) - math.log(factor)
        middle = float(np.median(logs))
        spread = float(np.median(np.abs(logs - middle)))
        whole = sum(min(1.0, each.launches / _WHOLE_LAUNCHES) for each in self.runs)
        runs = max(1, round(whole))
        return SizeClass(self.work, math.exp(middle), spread, runs, self.reuse_bytes).line()


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
        self._between: dict[str, list[np.ndarray]] = defaultdict(list)
        self._classes: dict[tuple[str, str], dict[tuple[int, ...], _Class]] = defaultdict(dict)

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
            self._note_classes(self._classes[device, key], samples, expected)
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
        found |= {key: _mean(np.concatenate(times)) for key, times in self._between.items()}
        return dict(sorted(found.items()))

    def classes(self, drift: Mapping[str, Sequence[float]]) -> dict[str, list[str]]:
        """Return what size classes take beside the factors of their kernels.

        Parameters
        ----------
        drift : mapping of str to sequence of float
            Factors by key, as `hetengine.calibrate.spec.Refresh` keeps them.
        """
        found: dict[str, list[str]] = {}
        for (device, key), classes in sorted(self._classes.items()):
            whole = kernel_key(device, key)
            factor = drift[kernel_key(device, key.partition("/")[0])][0]
            found[whole] = [each.line(factor) for _, each in sorted(classes.items()) if each.runs]
        return found

    def _note_classes(
        self, known: dict[tuple[int, ...], _Class], samples: Samples, modelled: Sequence[float]
    ) -> None:
        """Take in one run's launches of a kernel, by size class."""
        sums: dict[tuple[int, ...], _Run] = defaultdict(_Run)
        for k, work in enumerate(samples.works):
            place = class_of(work, samples.reuse_bytes[k])
            if place not in known:
                known[place] = _Class(work, samples.reuse_bytes[k])
            run = sums[place]
            run.measured += samples.seconds[k]
            run.modelled += modelled[k]
            run.launches += 1
        for place, run in sums.items():
            if run.modelled > 0.0:
                known[place].runs.append(run)

    def _note_between(self, key: str, measured: Sequence[float], modelled: Sequence[float]) -> None:
        """Take in times between commands; those that the calibration has as 0 say nothing."""
        # Arrays: a million tuples would keep the garbage collector busy while runs are measured.
        pairs = np.column_stack((measured, modelled))
        pairs = pairs[pairs[:, 1] > 0.0]
        if pairs.size:
            self._between[key].append(pairs)

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
    return middle, float(np.hypot(_OF_MEDIANS * np.sqrt(square), _LEAST_ERROR))
