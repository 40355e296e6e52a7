"""What the kernel suites share: a device with columns and coordinates on it, and how to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from hetengine.device import Buffer
from hetengine.problems import CoordinateProblem, Kind
from hetengine.problems.matrix import Columns
from hetengine.testing.lab import Lab, opened_lab
from hetengine.testing.reference import BOUND, LAYOUTS, SHAPES, Terms, leading
from hetengine.testing.verbs import Suite
from hetengine.topology import DeviceSpec

L, SIGMA, SEED = 0.7, 2.0, 12345678901234567
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
SENTINEL = -1.0

over_layouts = pytest.mark.parametrize("layout", LAYOUTS)
over_reals = pytest.mark.parametrize("real", list(TOLERANCE))
over_shapes = pytest.mark.parametrize(("n", "d"), [*SHAPES, (40, 1100)])
over_kinds = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name.lower())


class BenchSuite(Suite):
    """A suite with a device that descends one coordinate after the other.

    Attributes
    ----------
    sequential : mapping
        Options under which an epoch is sequential descent in the seeded order.
    reals : tuple of str
        Precisions the device computes in.
    """

    sequential: ClassVar[Mapping[str, str | int | float]] = {}
    reals: ClassVar[tuple[str, ...]] = ("float32", "float64")

    @pytest.fixture
    def bench(self, spec: DeviceSpec) -> Iterator[Lab]:
        """Return a lab whose device descends one coordinate after the other."""
        options = {**spec.options, **self.sequential}
        with opened_lab(replace(spec, options=options), self.open_device) as lab:
            yield lab

    def dtype(self, real: str) -> Any:
        """Return a precision, skipping the test where the device lacks it."""
        if real not in self.reals:
            pytest.skip(f"this device does not compute in {real}")
        return np.dtype(real).type


class EpochBench:
    """Columns, coordinates and w on a device, ready for epochs.

    Parameters
    ----------
    lab : Lab
    columns : Columns
    terms : Terms
        In the precision of the columns.
    w : ndarray, shape (d,)
    """

    def __init__(self, lab: Lab, columns: Columns, terms: Terms, w: np.ndarray) -> None:
        self.lab = lab
        self.layout = columns.layout
        self.columns = put_columns(lab, columns)
        n = columns.count
        arrays = {"alpha": terms.alpha, "h": terms.h, "p": terms.p, "q": terms.q}
        arrays |= {"gap": np.full(n, SENTINEL, w.dtype), "w": w}
        self.buffers = {name: lab.put(array, name) for name, array in arrays.items()}
        self.order = lab.put(np.arange(n, dtype=np.int32), "order")

    def epoch(
        self, kind: Kind, seed: int, sigma: float = SIGMA, order: Buffer | None = None
    ) -> tuple[float, int]:
        """Pass once over the slots of an order, all by default; return gaps met, elements moved."""
        visits = self.order if order is None else order
        rest = (int(kind), L, sigma, BOUND, seed)
        return self.lab.call(
            f"{self.layout}_epoch", *self.columns, visits, *self.buffers.values(), *rest
        )

    def get(self, name: str) -> np.ndarray:
        """Return ``alpha``, ``h``, ``p``, ``q``, ``gap`` or ``w`` as it is on the device."""
        return self.lab.get(self.buffers[name])


def put_columns(lab: Lab, columns: Columns) -> tuple[Buffer, ...]:
    """Return the leading arguments of the kernels, on the device."""
    return tuple(lab.put(array) for array in leading(columns))


def close_to(found: np.ndarray, expected: np.ndarray, real: str, slack: float = 1.0) -> None:
    """Assert that values agree to the roundings of a precision, times ``slack``."""
    tolerance = slack * TOLERANCE[real]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=10 * tolerance)


def small_problem(kind: Kind, columns: Columns) -> CoordinateProblem:
    """Return a well-conditioned problem over given columns, for descent tests.

    Parameters
    ----------
    kind : Kind
        Of every term.
    columns : Columns
        The matrix.
    """
    n = columns.count
    rng = np.random.default_rng(8)
    penalty = kind is Kind.PENALTY
    labels = rng.normal(size=n) if kind is Kind.SQUARED else rng.choice([-1.0, 1.0], n)
    return CoordinateProblem(
        name="test",
        side="primal" if penalty else "dual",
        kind=kind,
        columns=columns,
        smoothness=L,
        target=rng.normal(size=columns.length) if penalty else np.zeros(columns.length),
        p=np.full(n, 0.1) if penalty else labels,
        q=np.full(n, 0.5 if penalty else 1.0 / n),
        lam=1 / L,
        rows=n,
        features=columns.length,
    )
