"""What a solver in the comparison is: a black box with one knob from coarse to exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.problems import Problem

#: From a value of the knob to the model, shape (P,).
Fit = Callable[[float], np.ndarray]


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to solve some of the problems.

    Attributes
    ----------
    name : str
        As in the tables.
    module : str
        What has to be importable.
    distribution : str
        Whose version is reported.
    kinds : tuple of str
        Kinds of problems it solves.
    dtype : {'float32', 'float64'}
        Type of the data it is given.
    ladder : tuple of float
        Values of the knob, cheapest first.
    prepare : callable
        From problem and threads to `Fit`; brings the data into the type and layout that the solver
        takes without copying, which is not timed.
    threads : tuple of int
        Numbers of threads it can make use of.
    layouts : tuple of str
        'dense', 'sparse'.
    whole : bool
        Whether the knob counts iterations.
    """

    name: str
    module: str
    distribution: str
    kinds: tuple[str, ...]
    dtype: str
    ladder: tuple[float, ...]
    prepare: Callable[[Problem, int], Fit]
    threads: tuple[int, ...] = (1,)
    layouts: tuple[str, ...] = ("dense", "sparse")
    whole: bool = False

    def solves(self, problem: Problem, threads: int) -> bool:
        """Whether it can take part."""
        layout = "sparse" if problem.sparse else "dense"
        return problem.kind in self.kinds and layout in self.layouts and threads in self.threads


def tolerances(first: float, last: float, per_decade: int = 2) -> tuple[float, ...]:
    """Return a falling ladder of tolerances."""
    steps = round(per_decade * float(np.log10(first / last)))
    return tuple(float(first * 10.0 ** (-k / per_decade)) for k in range(steps + 1))


def counts(last: int, growth: float = 1.5) -> tuple[float, ...]:
    """Return a growing ladder of iterations."""
    ladder = [1]
    while ladder[-1] < last:
        ladder.append(max(ladder[-1] + 1, int(ladder[-1] * growth)))
    return tuple(float(count) for count in ladder)
