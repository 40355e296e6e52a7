"""Constants of an FPGA pipeline from measured times: cost per item and per line, loss by scaling.

The model is ``t_item = a + lines * b``. Residuals are relative, so that short and long items count
alike; neither constant may be negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from hetengine.errors import DataError


@dataclass(frozen=True, slots=True)
class PipelineFit:
    """Fitted constants of one pipeline.

    Attributes
    ----------
    item_seconds : float
        Cost of each item beside its lines.
    line_seconds : float
        Cost of each line of memory.
    errors : tuple of float
        Signed relative error at each point of the fit: model over measurement, minus 1.
    """

    item_seconds: float
    line_seconds: float
    errors: tuple[float, ...]

    def seconds(self, items: float, lines_per_item: float) -> float:
        """Return the time of some items."""
        return items * (self.item_seconds + lines_per_item * self.line_seconds)

    def cycles(self, clock_hz: float) -> tuple[float, float]:
        """Return ``item_cycles`` and ``initiation_interval`` of a unit at a clock."""
        return self.item_seconds * clock_hz, self.line_seconds * clock_hz


def fit_pipeline(lines_per_item: Sequence[float], item_seconds: Sequence[float]) -> PipelineFit:
    """Fit the two constants by non-negative relative least squares.

    Parameters
    ----------
    lines_per_item : sequence of float
        Lines each item fills, per point.
    item_seconds : sequence of float
        Measured seconds per item.

    Returns
    -------
    PipelineFit
        Constants and their errors.

    Raises
    ------
    DataError
        If there are fewer than two points, or a time is not positive.

    Examples
    --------
    >>> fit = fit_pipeline([1, 2, 4], [3e-8, 4e-8, 6e-8])
    >>> f"{fit.item_seconds:.1e} {fit.line_seconds:.1e}"
    '2.0e-08 1.0e-08'
    """
    lines, seconds = np.asarray(lines_per_item, float), np.asarray(item_seconds, float)
    if lines.size < 2 or lines.size != seconds.size or not (seconds > 0).all():
        raise DataError(
            f"a pipeline needs at least two points with positive times, got {seconds.tolist()} "
            f"for {lines.tolist()} lines; measure items of different widths"
        )
    design = np.column_stack([np.ones_like(lines), lines]) / seconds[:, None]
    (item, line), _ = nnls(design, np.ones_like(seconds))
    errors = (item + line * lines) / seconds - 1.0
    return PipelineFit(float(item), float(line), tuple(errors.tolist()))


def fit_scaling(copies: Sequence[int], rates: Sequence[float]) -> float:
    """Fit the loss in ``rate = copies * rate_of_one / (1 + loss * (copies - 1))``.

    Parameters
    ----------
    copies : sequence of int
        How many copies of a unit ran; 1 must be among them.
    rates : sequence of float
        Rates of all of them together.

    Returns
    -------
    float
        ``scaling_loss``, at least 0.

    Raises
    ------
    DataError
        If the rate of a single copy is missing.
    """
    if 1 not in copies:
        raise DataError(f"scaling over {list(copies)} copies lacks the rate of 1; measure it")
    number, rate = np.asarray(copies, float), np.asarray(rates, float)
    excess = number * rate[list(copies).index(1)] / rate - 1.0
    more = number - 1.0
    return max(0.0, float(more @ excess / max(more @ more, 1.0)))
