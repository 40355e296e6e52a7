"""From samples to the numbers of a topology file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hetengine.calibrate.harvest import Harvest, Samples
from hetengine.calibrate.spec import Dispatch, KernelCost
from hetengine.sim.cost.history import classify
from hetengine.sim.cost.outliers import outlying, pauses
from hetengine.sim.cost.regression import Fit, fit, predict, predict_all
from hetengine.work import Work

_LAGS = ("start_seconds", "next_seconds", "relay_seconds", "notify_seconds", "inline_seconds")
_ACCIDENTS = 0.001
NORMAL_95 = 1.96
"""Standard errors on either side of a 95 % confidence interval."""
_FLOOR_SECONDS = 1e-3  # five times that is how long Python may keep a thread waiting


def typical(values: Sequence[float], floor: float = _FLOOR_SECONDS) -> tuple[float, float]:
    """Return the mean without outliers, and half its 95 % confidence interval.

    A makespan is a sum of many times, so the mean is what adds up; the median rules out spikes.

    Parameters
    ----------
    values : sequence of float
        At least one.
    floor : float
        Least spread that counts as ordinary.
    """
    numbers = np.asarray(values, dtype=np.float64)
    kept = numbers[~outlying(numbers, floor=floor)]
    half = NORMAL_95 * kept.std() / math.sqrt(kept.size)
    return float(kept.mean()), float(half)


def with_pauses(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of nearly all values, and half its 95 % confidence interval.

    Now and then a thread is woken late, and a makespan contains that: what is far from the median
    counts here. Only the longest in a thousand, at least one of ten or more, are left out.

    Parameters
    ----------
    values : sequence of float
        At least one.

    Examples
    --------
    >>> with_pauses([1.0] * 8 + [3.0, 500.0])[0]
    1.2222222222222223
    """
    numbers = np.sort(np.asarray(values, dtype=np.float64))
    accidents = max(round(_ACCIDENTS * numbers.size), int(numbers.size >= 10))
    kept = numbers[: numbers.size - accidents]
    return float(kept.mean()), float(NORMAL_95 * kept.std() / math.sqrt(kept.size))


def kernel_cost(
    samples: Samples, caches: Sequence[int] = (), *, history: bool = True
) -> KernelCost:
    """Fit one kernel on one device.

    Parameters
    ----------
    samples : Samples
        At least one.
    caches : sequence of int
        Sizes in bytes of the caches it reads through.
    history : bool
        Whether to keep size classes; pooled variants differ too much for them.
    """
    fitted = fit(samples.works, samples.seconds, samples.reuse_bytes, caches)
    kept = np.flatnonzero(~fitted.outliers)
    works = [samples.works[k] for k in kept]
    seconds, reuse = ([whole[k] for k in kept] for whole in (samples.seconds, samples.reuse_bytes))
    runs = [samples.runs[k] for k in kept] if samples.runs else []
    lines = []
    if history:
        classes = classify(works, seconds, reuse, fitted.coefficients, runs)
        lines = [each.line() for each in classes]
    modelled = predict_all(fitted.coefficients, samples.works, samples.reuse_bytes)
    pause = pauses(samples.seconds, modelled.tolist())
    issue, item = _issue(samples)
    ratios = fitted.ratios[kept]
    return KernelCost(
        samples=len(samples.works),
        outliers=int(fitted.outliers.sum()),
        spread=_rounded(float(np.median(np.abs(ratios - 1.0)))),
        interval=[_rounded(float(q)) for q in np.percentile(ratios, [5, 95])],
        coefficients=_table({name: pause * rate for name, rate in fitted.coefficients.items()}),
        lower=_table(fitted.lower),
        upper=_table(fitted.upper),
        history=lines,
        issue_seconds=issue,
        issue_item_seconds=item,
    )


def _issue(samples: Samples) -> tuple[float, float]:
    """Fixed and per-item time to hand over a launch, with the right sum over the samples."""
    sizes = [Work(items=work.items) for work in samples.works]
    fitted = fit(sizes, samples.issue_seconds)
    kept = np.flatnonzero(~outlying(samples.issue_seconds, floor=_FLOOR_SECONDS))
    total = sum(samples.issue_seconds[k] for k in kept)
    scale = total / sum(predict(fitted.coefficients, sizes[k]) for k in kept)
    coefficients = fitted.coefficients
    fixed, item = (scale * coefficients.get(name, 0.0) for name in ("constant", "items"))
    return _rounded(fixed), _rounded(item)


def dispatch(harvest: Harvest, device: str) -> tuple[Dispatch, dict[str, list[float]]]:
    """Return the times between commands of a device, and their confidence intervals.

    Parameters
    ----------
    harvest : Harvest
        All samples.
    device : str
        Which device.
    """
    values, intervals = {}, {}
    for name in _LAGS:
        lags = harvest.lags.get((device, name), [])
        if lags:
            middle, half = with_pauses(lags)
            values[name] = _rounded(middle)
            intervals[name] = [_rounded(max(middle - half, 0.0)), _rounded(middle + half)]
    issue = [
        each for (d, _), s in harvest.kernels.items() if d == device for each in s.issue_seconds
    ]
    if issue:
        values["issue_seconds"] = _rounded(float(np.median(issue)))
    return Dispatch(**values), intervals


def copy_cost(samples: Samples) -> tuple[float, float, Fit]:
    """Fit transfers one way: latency in seconds and bytes per second.

    Parameters
    ----------
    samples : Samples
        Transfers of several sizes.
    """
    sizes = [Work(bytes_read=work.bytes_read) for work in samples.works]
    fitted = fit(sizes, samples.seconds)
    rate = fitted.coefficients.get("bytes_read", 0.0)
    latency = fitted.coefficients.get("constant", 0.0)
    # Transfers that all cost the same say how fast the link is at least.
    fastest = max(w.bytes_read / s for w, s in zip(sizes, samples.seconds, strict=True))
    pause = pauses(samples.seconds, [predict(fitted.coefficients, size) for size in sizes])
    return pause * latency, (1.0 / rate if rate > 0.0 else fastest) / pause, fitted


def pooled(samples: Sequence[Samples]) -> Samples:
    """Put the samples of several variants together."""
    whole = Samples()
    for each in samples:
        whole.works += each.works
        whole.seconds += each.seconds
        whole.issue_seconds += each.issue_seconds
        whole.reuse_bytes += each.reuse_bytes
        whole.runs += each.runs
    return whole


def _table(values: dict[str, float]) -> dict[str, float]:
    return {name: _rounded(value) for name, value in values.items()}


def _rounded(value: float) -> float:
    """Keep five digits: more would be noise, and long files."""
    return float(f"{value:.5g}")
