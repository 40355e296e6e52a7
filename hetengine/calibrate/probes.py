"""Short training runs on made-up data that show each kernel as solvers use it.

A kernel launched over and over on the same data finds it in the cache; a solver's launches do not,
and pieces of NumPy between them cost as much. So the probes are runs: every kind of term, dense and
sparse, both precisions, several shapes and memory limits, few rounds each, but in part so many that
most coordinates have come to rest: branches that go one way nearly always take less time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest

import numpy as np
import scipy.sparse

from hetengine.config import DataConfig, ModeConfig, RunConfig, TopologyConfig
from hetengine.data.dataset import Dataset
from hetengine.engine import linear
from hetengine.problems.config import ProblemConfig
from hetengine.record.recorder import Recorder
from hetengine.solvers.config import DuhlConfig
from hetengine.span import Span

PROBLEMS = ("svm", "lasso", "logistic", "squared_hinge", "ridge")
"""One for each kind of term; ridge is solved on the dual side."""

_REGRESSION = ("lasso", "ridge")


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a made-up data set.

    Attributes
    ----------
    rows, columns : int
        Examples and features.
    density : float
        Part of the entries that are stored; 1 means dense.
    """

    rows: int
    columns: int
    density: float = 1.0

    @property
    def sparse(self) -> bool:
        """Whether it is stored as a sparse matrix."""
        return self.density < 1.0


SHAPES = (
    Shape(4_000, 100),
    Shape(20_000, 300),
    Shape(3_000, 2_000),
    Shape(60_000, 200),
    Shape(5_000, 2_000, 0.02),
    Shape(20_000, 5_000, 0.01),
    Shape(40_000, 20_000, 0.003),
    Shape(8_000, 600),
    Shape(30_000, 3_000, 0.006),
    Shape(6_000, 10_000, 0.012),
)
"""Shapes that calibration measures: 1.6 to 48 MB in single precision, columns of 18 to 60,000."""

QUICK_SHAPES = (Shape(1_000, 40), Shape(1_500, 400, 0.02))
"""Shapes to try calibration out with."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One short run.

    Attributes
    ----------
    shape : Shape
        Of the data.
    problem, selection, precision : str
        As in a config.
    memory_fraction : float
        What the accelerators hold of the data.
    rounds : int
        Rounds until it stops.
    """

    shape: Shape
    problem: str = "svm"
    selection: str = "gap"
    precision: str = "float32"
    memory_fraction: float = 0.4
    rounds: int = 8


def plan(shapes: tuple[Shape, ...] = SHAPES) -> list[Probe]:
    """Return the probes of a whole calibration.

    Parameters
    ----------
    shapes : tuple of Shape
        What to cover.
    """
    probes = []
    for k, shape in enumerate(shapes):
        for j, problem in enumerate(PROBLEMS):
            fraction, rounds = (0.25, 0.5)[(k + j) % 2], (5, 12)[(k // 2 + j) % 2]
            probes.append(Probe(shape, problem, memory_fraction=fraction, rounds=rounds))
            probes.append(Probe(shape, problem, "host", rounds=rounds))
        probes.append(Probe(shape, "svm", "all", memory_fraction=4.0, rounds=12))
        probes.append(Probe(shape, PROBLEMS[k % 2], "random"))
        probes.append(Probe(shape, PROBLEMS[(k + 1) % 2], "sequential", memory_fraction=0.25))
        probes.append(Probe(shape, PROBLEMS[k % 2], "importance"))
    middle = [shape for k, shape in enumerate(shapes) if k % 3 == 1 or len(shapes) < 3]
    probes += [Probe(s, problem, precision="float64") for s in middle for problem in PROBLEMS]
    return probes


def spread(probes: Sequence[Probe]) -> list[Probe]:
    """Return probes with those of the same data as far apart as can be.

    A shared machine is slower for some seconds now and then; that may not hit one shape alone.
    """
    groups: dict[tuple[Shape, str], list[Probe]] = defaultdict(list)
    for probe in probes:
        groups[probe.shape, probe.precision].append(probe)
    turns = zip_longest(*groups.values())
    return [probe for turn in turns for probe in turn if probe is not None]


def spans_of(
    probes: Sequence[Probe], topology: TopologyConfig
) -> Iterator[tuple[Probe, list[Span]]]:
    """Run probes for real and yield what each launched.

    Parameters
    ----------
    probes : sequence of Probe
        What to run.
    topology : TopologyConfig
        On which machine; it needs an accelerator.
    """
    for probe in probes:
        yield probe, run_probe(probe, topology, *data_of(probe.shape, probe.precision))


def run_probe(
    probe: Probe,
    topology: TopologyConfig,
    X: np.ndarray | scipy.sparse.csr_array,
    score: np.ndarray,
    mode: str = "execute",
) -> list[Span]:
    """Run one probe and return the commands of its training.

    Parameters
    ----------
    probe : Probe
        What to run.
    topology : TopologyConfig
        On which machine.
    X, score : array
        From `make_data`.
    mode : {'execute', 'simulate'}
        For real, or simulated.
    """
    recorder = Recorder()
    y = score if probe.problem in _REGRESSION else np.where(score > 0, 1.0, -1.0)
    linear.run(config_of(probe, topology, mode), recorder, Dataset("probe", X, y, None))
    return list(recorder.spans)


def config_of(probe: Probe, topology: TopologyConfig, mode: str) -> RunConfig:
    """Return the config of a probe; the share refreshed is fixed, so that iterates repeat."""
    problem = ProblemConfig(probe.problem, lam=1e-3)
    if probe.problem == "lasso":
        problem = ProblemConfig("lasso", lam=None, lam_ratio=0.05)
    if probe.problem == "ridge":
        problem = replace(problem, side="dual")
    return RunConfig(
        problem=problem,
        data=DataConfig("probe"),
        topology=topology,
        solver=DuhlConfig(selection=probe.selection, refresh="0.2"),
        mode=ModeConfig(mode),
        memory_fraction=probe.memory_fraction,
        tol=1e-12,
        max_rounds=probe.rounds,
        precision=probe.precision,
        progress="none",
    )


def make_data(
    shape: Shape, precision: str, seed: int = 0
) -> tuple[np.ndarray | scipy.sparse.csr_array, np.ndarray]:
    """Draw examples, and a noisy linear score of them.

    Parameters
    ----------
    shape : Shape
        Sizes.
    precision : {'float32', 'float64'}
        Of the entries.
    seed : int
        Of the draw.

    Returns
    -------
    X : ndarray or scipy.sparse.csr_array, shape (rows, columns)
    score : ndarray of float64, shape (rows,)
    """
    rng = np.random.default_rng(seed)
    if shape.sparse:
        X = _sparse(shape, precision, rng)
    else:
        X = rng.standard_normal((shape.rows, shape.columns), np.float32).astype(precision)
    truth = rng.standard_normal(shape.columns) * (rng.random(shape.columns) < 0.2)
    score = np.asarray(X @ truth, dtype=np.float64)
    return X, score + score.std() * rng.standard_normal(shape.rows)


@cache
def data_of(shape: Shape, precision: str) -> tuple[np.ndarray | scipy.sparse.csr_array, np.ndarray]:
    """Return the data of `make_data`, made once; ``data_of.cache_clear()`` lets go of all of it."""
    return make_data(shape, precision)


def _sparse(shape: Shape, precision: str, rng: np.random.Generator) -> scipy.sparse.csr_array:
    """Rows of unequal length; columns drawn by a power law, as words are."""
    mean = shape.density * shape.columns
    lens = np.maximum(1, rng.poisson(mean * rng.gamma(2.0, 0.5, shape.rows)))
    lens = np.minimum(lens, shape.columns)
    popular = rng.random(int(lens.sum())) ** 2.0
    columns = np.minimum((popular * shape.columns).astype(np.int64), shape.columns - 1)
    rows = np.repeat(np.arange(shape.rows), lens)
    values = rng.standard_normal(columns.size).astype(precision)
    X = scipy.sparse.csr_array((values, (rows, columns)), shape=(shape.rows, shape.columns))
    X.sum_duplicates()
    return X
