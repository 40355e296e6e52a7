"""The suite: problems x dense and sparse x selection x memory cap, on shapes measured and not.

What the simulator is tuned on are the development cases, on other shapes and other data; the judged
ones are only looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from hetengine.calibrate.probes import SHAPES, Probe, Shape


@dataclass(frozen=True)
class Case:
    """One run of the suite.

    Attributes
    ----------
    backend : str
        Of the accelerator.
    probe : Probe
        What is run; the share of gaps refreshed is fixed, so every repeat does the same.
    """

    backend: str
    probe: Probe

    @property
    def calibrated(self) -> bool:
        """Whether calibration has seen this shape."""
        return self.probe.shape in SHAPES

    @property
    def name(self) -> str:
        """What it is called in the table."""
        shape, probe = self.probe.shape, self.probe
        kind = f"sparse {shape.density:g}" if shape.sparse else "dense"
        size = f"{shape.rows:,} x {shape.columns:,} {kind}"
        cap = f"memory {probe.memory_fraction:g}"
        return f"{self.backend} {probe.problem} {probe.selection} {cap}, {size}"


WIDE, TALL, LONG = Shape(3_000, 2_000), Shape(20_000, 300), Shape(60_000, 200)
WORDS, SPARSER = Shape(20_000, 5_000, 0.01), Shape(40_000, 20_000, 0.003)
NEW_TALL, NEW_SQUARE = Shape(32_000, 150), Shape(7_000, 1_000)
NEW_WORDS, NEW_LONG = Shape(12_000, 8_000, 0.008), Shape(60_000, 4_000, 0.004)

PROBES = (
    # Shapes that calibration measures.
    Probe(TALL, "svm", "gap", memory_fraction=0.4, rounds=40),
    Probe(TALL, "lasso", "gap", memory_fraction=0.25, rounds=60),
    Probe(TALL, "logistic", "gap", memory_fraction=0.5, rounds=30),
    Probe(TALL, "svm", "random", memory_fraction=0.3, rounds=40),
    Probe(TALL, "ridge", "host", rounds=40),
    Probe(WIDE, "lasso", "gap", memory_fraction=0.5, rounds=80),
    Probe(WIDE, "svm", "sequential", memory_fraction=0.25, rounds=60),
    Probe(WIDE, "logistic", "gap", memory_fraction=0.35, rounds=80),
    Probe(LONG, "squared_hinge", "gap", memory_fraction=0.3, rounds=20),
    Probe(LONG, "svm", "all", memory_fraction=2.0, rounds=15),
    Probe(WORDS, "svm", "gap", memory_fraction=0.3, rounds=80),
    Probe(WORDS, "lasso", "gap", memory_fraction=0.5, rounds=120),
    Probe(WORDS, "logistic", "random", memory_fraction=0.4, rounds=60),
    Probe(SPARSER, "svm", "gap", memory_fraction=0.5, rounds=25),
    Probe(SPARSER, "squared_hinge", "sequential", memory_fraction=0.25, rounds=25),
    Probe(SPARSER, "ridge", "gap", memory_fraction=0.4, rounds=20),
    # Shapes that it does not.
    Probe(NEW_TALL, "svm", "gap", memory_fraction=0.4, rounds=40),
    Probe(NEW_TALL, "logistic", "random", memory_fraction=0.3, rounds=30),
    Probe(NEW_TALL, "lasso", "gap", memory_fraction=0.5, rounds=80),
    Probe(NEW_SQUARE, "svm", "gap", memory_fraction=0.3, rounds=60),
    Probe(NEW_SQUARE, "squared_hinge", "sequential", memory_fraction=0.4, rounds=50),
    Probe(NEW_SQUARE, "lasso", "random", memory_fraction=0.4, rounds=50),
    Probe(NEW_WORDS, "svm", "gap", memory_fraction=0.35, rounds=80),
    Probe(NEW_WORDS, "squared_hinge", "random", memory_fraction=0.4, rounds=40),
    Probe(NEW_WORDS, "logistic", "gap", memory_fraction=0.5, rounds=50),
    Probe(NEW_LONG, "svm", "sequential", memory_fraction=0.3, rounds=40),
    Probe(NEW_LONG, "ridge", "gap", memory_fraction=0.5, rounds=30),
    Probe(NEW_LONG, "lasso", "host", rounds=40),
)
"""What the NumPy accelerator runs."""

DEV_TALL, DEV_SQUARE, DEV_THIN = Shape(26_000, 220), Shape(5_000, 1_400), Shape(45_000, 120)
DEV_WORDS, DEV_LONG = Shape(15_000, 6_000, 0.012), Shape(50_000, 9_000, 0.003)
DEV_EVEN = Shape(9_000, 9_000, 0.006)

DEVELOPMENT = (
    Probe(TALL, "squared_hinge", "gap", memory_fraction=0.35, rounds=40),
    Probe(TALL, "lasso", "random", memory_fraction=0.45, rounds=40),
    Probe(WIDE, "squared_hinge", "gap", memory_fraction=0.3, rounds=60),
    Probe(WIDE, "ridge", "sequential", memory_fraction=0.4, rounds=50),
    Probe(LONG, "logistic", "gap", memory_fraction=0.45, rounds=20),
    Probe(WORDS, "squared_hinge", "random", memory_fraction=0.35, rounds=60),
    Probe(WORDS, "ridge", "gap", memory_fraction=0.4, rounds=50),
    Probe(SPARSER, "lasso", "sequential", memory_fraction=0.35, rounds=25),
    Probe(SPARSER, "logistic", "gap", memory_fraction=0.3, rounds=25),
    Probe(DEV_TALL, "svm", "random", memory_fraction=0.35, rounds=40),
    Probe(DEV_TALL, "ridge", "gap", memory_fraction=0.45, rounds=40),
    Probe(DEV_SQUARE, "logistic", "gap", memory_fraction=0.4, rounds=50),
    Probe(DEV_SQUARE, "svm", "sequential", memory_fraction=0.3, rounds=40),
    Probe(DEV_THIN, "squared_hinge", "gap", memory_fraction=0.35, rounds=40),
    Probe(DEV_WORDS, "logistic", "random", memory_fraction=0.35, rounds=50),
    Probe(DEV_WORDS, "lasso", "gap", memory_fraction=0.4, rounds=80),
    Probe(DEV_LONG, "svm", "gap", memory_fraction=0.4, rounds=40),
    Probe(DEV_LONG, "logistic", "sequential", memory_fraction=0.35, rounds=30),
    Probe(DEV_EVEN, "squared_hinge", "gap", memory_fraction=0.45, rounds=60),
    Probe(DEV_EVEN, "ridge", "host", rounds=40),
    Probe(DEV_LONG, "lasso", "host", rounds=40),
    Probe(WIDE, "ridge", "host", rounds=40),
)
"""What the simulator is tuned on, with every backend."""

OPENCL = tuple(k for k in range(len(PROBES)) if PROBES[k].selection != "host")[::2]
"""Those of them that an OpenCL accelerator runs as well."""


def suite(backends: tuple[str, ...], development: bool = False) -> list[Case]:
    """Return all cases for the backends at hand, those judged or those to tune on."""
    if development:
        return [
            Case(name, probe)
            for name in backends
            for probe in DEVELOPMENT
            if name == "numpy" or probe.selection != "host"
        ]
    cases = [Case("numpy", probe) for probe in PROBES]
    if "opencl" in backends:
        cases += [Case("opencl", PROBES[k]) for k in OPENCL]
    return cases
