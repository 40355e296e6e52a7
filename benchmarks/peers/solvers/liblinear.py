"""LIBLINEAR, and its multi-core edition, which goes by the same module name."""

from __future__ import annotations

import ctypes
from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, tolerances


def _prepare(problem: Problem, solver: int, threads: int) -> Fit:
    liblinearutil = import_module("liblinear.liblinearutil")
    data = liblinearutil.problem(problem.y.astype(np.float64), problem.X.astype(np.float64))
    strength = 1.0 / (problem.lam * problem.rows)
    several = f" -m {threads}" if threads > 1 else ""

    def fit(tol: float) -> np.ndarray:
        options = f"-s {solver} -c {strength!r} -e {tol!r} -B -1 -q{several}"
        model = liblinearutil.train(data, options)
        weights = ctypes.cast(model.w, ctypes.POINTER(ctypes.c_double))
        return np.ctypeslib.as_array(weights, (problem.columns,)).copy() * model.label[0]

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    ladder, result = tolerances(3.0, 3e-8), []
    for edition, threads in (("official", (1,)), ("multicore", (2,))):
        short = "liblinear" if edition == "official" else "liblinear-multicore"
        for solver, kind in ((3, "svm"), (0, "logistic"), (7, "logistic")):
            if solver == 7 and edition == "multicore":
                continue

            def prepare(problem: Problem, count: int, number: int = solver) -> Fit:
                return _prepare(problem, number, count)

            result.append(
                Entry(
                    f"{short} -s {solver}",
                    "liblinear",
                    f"liblinear-{edition}",
                    (kind,),
                    "float64",
                    ladder,
                    prepare,
                    threads,
                )
            )
    return result
