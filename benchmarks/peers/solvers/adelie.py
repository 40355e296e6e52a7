"""adelie: group elastic net by coordinate descent, in C++."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, tolerances


def _prepare(problem: Problem, threads: int) -> Fit:
    adelie = import_module("adelie")

    X, y = np.asfortranarray(problem.X, np.float64), problem.y.astype(np.float64)
    matrix = adelie.matrix.dense(X, method="naive", n_threads=threads)

    def fit(tol: float) -> np.ndarray:
        state = adelie.grpnet(
            matrix, adelie.glm.gaussian(y=y), lmda_path=np.array([problem.lam]), intercept=False,
            tol=tol, early_exit=False, adev_tol=1.0, n_threads=threads, progress_bar=False,
        )  # fmt: skip
        return state.betas[-1].toarray()

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    return [
        Entry(
            "adelie", "adelie", "adelie", ("lasso",), "float64", tolerances(1e-1, 1e-12), _prepare,
            (1, 2), ("dense",),
        )
    ]  # fmt: skip
