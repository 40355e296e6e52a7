"""Paths and cross-validation against cold starts, scikit-learn and celer.

    python -m benchmarks.paths --python PEER_PYTHON --out benchmarks/results/paths.md
    python -m benchmarks.paths --cases lasso_leukemia svm_adult

Every solver gets the same data and strengths, in a process of its own with as many threads, and its
loosest tolerance at which the relative suboptimality of every point is at most 1e-4. Suboptimality
is measured in float64 off the clock, against a path of hetengine at a relative gap of 1e-6. Times
leave out loading, imports and compilation (a path over few rows comes first).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TARGET = 1e-4
LIMIT_SECONDS = 100
_ROOT = Path(__file__).resolve().parents[1]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_BLOCK = 5_000
_WARM_ROWS = 300


class Case(NamedTuple):
    """One problem over one data set."""

    problem: str
    data: str
    points: int
    ratio: float


CASES = {
    "lasso_dense": Case("lasso", "dense_regression", 100, 1e-2),
    "lasso_leukemia": Case("lasso", "gene-expression/leukemia.bz2", 100, 1e-2),
    "lasso_imdb": Case("lasso", "text/imdb_train.svm.bz2", 50, 5e-2),
    "logistic_dense": Case("logistic", "dense_classes", 20, 1e-3),
    "logistic_imdb": Case("logistic", "text/imdb_train.svm.bz2", 20, 1e-3),
    "svm_adult": Case("svm", "classification/a9a.bz2", 10, 1e-2),
    "cv_leukemia": Case("lasso_cv", "gene-expression/leukemia.bz2", 100, 1e-2),
}

Data = tuple[Any, np.ndarray, np.ndarray]
Fit = Callable[[Any, np.ndarray, np.ndarray, float, int], np.ndarray]


def load(case: Case) -> Data:
    """Return X (float64 for the small data set, else float32), y and the strengths."""
    from hetengine.problems import lambda_max

    if case.data.startswith("dense"):
        from benchmarks.peers import data

        X, y = getattr(data, case.data)()
    else:
        from hetengine.data.config import DataConfig
        from hetengine.data.load import load_dataset

        folder = Path(os.environ.get("HETENGINE_DATA", _ROOT.parent / "shared" / "data"))
        source = DataConfig(name="svmlight", path=str(folder / case.data))
        kind = np.float64 if "gene" in case.data else np.float32
        found = load_dataset(source, kind, 0)
        X, y = found.X, found.y
        if not isinstance(X, np.ndarray) and X.size > 0.5 * np.prod(X.shape):
            X = X.toarray()
    if "imdb" in case.data or case.problem in ("logistic", "svm"):
        y = np.where(y > np.median(y), 1.0, -1.0)
    largest = lambda_max("lasso", X, y)
    return X, y.astype(np.float64), largest * np.geomspace(1.0, case.ratio, case.points)


def _warm(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int, problem: str) -> np.ndarray:
    import hetengine

    found = hetengine.path(X, y, problem, lams=list(lams), tol=tol, threads=threads)
    if not found.converged:
        raise RuntimeError(f"the path ended with {found.status}")
    return found.coefs


def _cold(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int, problem: str) -> np.ndarray:
    import hetengine

    fits = [hetengine.fit(X, y, problem, lam=lam, tol=tol, threads=threads) for lam in lams]
    return np.array([fit.w for fit in fits])


def _lasso_path(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    from sklearn.linear_model import lasso_path

    if not isinstance(X, np.ndarray):
        X = X.tocsc()
    y = y.astype(X.dtype)
    return lasso_path(X, y, alphas=lams, tol=tol, max_iter=100_000, precompute="auto")[1].T  # pyright: ignore[reportArgumentType]


def _celer_path(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    celer_path = import_module("celer").celer_path
    dense = isinstance(X, np.ndarray)
    X = np.asfortranarray(X) if dense else X.tocsc().astype(np.float64)
    y = y.astype(X.dtype)
    return celer_path(X, y, pb="lasso", alphas=lams, tol=tol)[1].T


def _lbfgs(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(fit_intercept=False, tol=tol, max_iter=10_000, warm_start=True)
    coefs = []
    for lam in lams:
        model.set_params(C=1.0 / (X.shape[0] * lam))
        coefs.append(model.fit(X, y).coef_[0].copy())
    return np.array(coefs)


def _linear_svc(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    from sklearn.svm import LinearSVC

    coefs = []
    for lam in lams:
        C = 1.0 / (X.shape[0] * lam)
        model = LinearSVC(C=C, loss="hinge", fit_intercept=False, tol=tol, max_iter=1_000_000)
        coefs.append(model.fit(X, y).coef_[0])
    return np.array(coefs)


def _het_cv(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    import hetengine

    found = hetengine.cross_validate(X, y, "lasso", lams=list(lams), tol=tol, threads=threads)
    return found.w[None]


def _lasso_cv(X: Any, y: Any, lams: np.ndarray, tol: float, threads: int) -> np.ndarray:
    from sklearn.linear_model import LassoCV
    from sklearn.model_selection import KFold

    folds = KFold(5, shuffle=True, random_state=0)
    model = LassoCV(alphas=lams, cv=folds, tol=tol, fit_intercept=False, max_iter=100_000)  # pyright: ignore[reportArgumentType]
    return model.fit(X, y).coef_[None]


def _solvers(problem: str) -> dict[str, tuple[Fit, tuple[float, ...]]]:
    """Return solvers of a problem with their tolerances, loosest first."""
    if problem == "lasso_cv":
        return {"hetengine": (_het_cv, (TARGET,)), "scikit-learn": (_lasso_cv, (1e-4, 1e-6))}

    def bound(function: Any) -> Fit:
        return lambda *args: function(*args, problem)

    own = {"hetengine": (bound(_warm), (TARGET,)), "hetengine, cold": (bound(_cold), (TARGET,))}
    ladder = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
    peers: dict[str, dict[str, tuple[Fit, tuple[float, ...]]]] = {
        "lasso": {"scikit-learn": (_lasso_path, ladder[1:]), "celer": (_celer_path, ladder)},
        "logistic": {"scikit-learn": (_lbfgs, ladder)},
        "svm": {"scikit-learn": (_linear_svc, (1e-1, *ladder))},
    }
    return own | peers[problem]


def objectives(case: Case, data: Data, coefs: np.ndarray) -> np.ndarray:
    """Return the objective of every point, in float64, shape (points,)."""
    X, y, lams = data
    loss = np.zeros(len(coefs))
    for first in range(0, X.shape[0], _BLOCK):
        part = slice(first, first + _BLOCK)
        scores = np.asarray(X[part].astype(np.float64) @ coefs.T)
        margins = y[part, None] * scores
        loss += {
            "lasso": lambda s=scores, p=part: 0.5 * (s - y[p, None]) ** 2,
            "logistic": lambda m=margins: np.logaddexp(0.0, -m),
            "svm": lambda m=margins: np.maximum(0.0, 1.0 - m),
        }[case.problem]().sum(axis=0)
    l1 = case.problem == "lasso"
    size = np.abs(coefs).sum(axis=1) if l1 else 0.5 * (coefs**2).sum(axis=1)
    return loss / X.shape[0] + lams * size


def work(name: str, solver: str, tol: float, threads: int, cache: Path, out: Path) -> None:
    """Solve in this process, after a rehearsal over few rows."""
    warnings.filterwarnings("ignore")
    X, y, lams = read(cache / name)
    fit, _ = _solvers(CASES[name].problem)[solver]
    rehearsal = np.linspace(0, X.shape[0] - 1, min(_WARM_ROWS, X.shape[0])).astype(int)
    fit(X[rehearsal], y[rehearsal], lams[:2], 1e-2, threads)
    begun = time.perf_counter()
    coefs = fit(X, y, lams, tol, threads)
    seconds = time.perf_counter() - begun
    np.savez(out, coefs=coefs, seconds=seconds)


def store(path: Path, data: Data) -> None:
    """Keep the data of a case where the processes find them."""
    from scipy.sparse import save_npz

    X, y, lams = data
    path.mkdir(parents=True, exist_ok=True)
    if isinstance(X, np.ndarray):
        np.save(path / "X.npy", X)
    else:
        save_npz(path / "X.npz", X, compressed=False)
    np.savez(path / "y.npz", y=y, lams=lams)


def read(path: Path) -> Data:
    """Return the data of a case."""
    from scipy.sparse import load_npz

    dense = path / "X.npy"
    X = np.load(dense) if dense.exists() else load_npz(path / "X.npz")
    rest = np.load(path / "y.npz")
    return X, rest["y"], rest["lams"]


def _run(
    name: str, solver: str, tol: float, threads: int, cache: Path, python: str
) -> tuple[np.ndarray, float] | None:
    """Let a process solve; None if it cannot or takes too long."""
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        words = [name, "--solver", solver, "--tol", str(tol), "--threads", str(threads)]
        command = [python, "-m", "benchmarks.paths", "--work", *words, "--cache", str(cache)]
        try:
            subprocess.run(
                [*command, "--out", str(out)],
                cwd=_ROOT,
                env=environment,
                check=True,
                timeout=LIMIT_SECONDS,
                stderr=subprocess.DEVNULL,
            )
        except subprocess.SubprocessError:
            return None
        found = np.load(out)
        return found["coefs"], float(found["seconds"])


def compare(name: str, threads: int, cache: Path, python: str) -> Iterator[str]:
    """Yield the rows of the table of one case."""
    case = CASES[name]
    if not (cache / name).exists():
        store(cache / name, load(case))
    data = read(cache / name)
    best = None
    if case.problem != "lasso_cv":
        reference = _run(name, "hetengine", 1e-6, threads, cache, sys.executable)
        assert reference is not None
        best = objectives(case, data, reference[0])
    # Which tolerance suffices does not depend on the time: it is searched for once.
    notes = cache / name / f"tolerances{threads}.json"
    known = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    shape = f"{data[0].shape[0]:,} x {data[0].shape[1]:,}"
    for solver, (_, ladder) in _solvers(case.problem).items():
        place = python if solver == "celer" else sys.executable
        row = f"| {name} | {shape} | {solver} |"
        for tol in known.get(solver, ladder):
            found = _run(name, solver, tol, threads, cache, place)
            if found is None:
                yield f"{row} {tol:g} | - | failed, or over {LIMIT_SECONDS} s |"
                break
            enough, note = _judge(case, data, found[0], best)
            if enough:
                known[solver] = [tol]
                yield f"{row} {tol:g} | {found[1]:.2f} | {note} |"
                break
        else:
            yield f"{row} - | - | not reached |"
    notes.write_text(json.dumps(known), encoding="utf-8")


def _judge(case: Case, data: Data, coefs: np.ndarray, best: np.ndarray | None) -> tuple[bool, str]:
    """Return whether a path is good enough, and what to say of it."""
    if best is None:
        return True, f"{np.count_nonzero(coefs)} nonzero in the model chosen"
    worst = float((objectives(case, data, coefs) / best - 1.0).max())
    return worst <= TARGET, f"{worst:.1e}"


def main(words: Sequence[str]) -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has celer")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "paths-data")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--work", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--solver", default="", help=argparse.SUPPRESS)
    parser.add_argument("--tol", type=float, default=TARGET, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.work is not None:
        work(given.work, given.solver, given.tol, given.threads, given.cache, given.out)
        return 0
    packages = ("numpy", "scipy", "scikit-learn", "numba")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    about = f"By `benchmarks/paths.py`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
    about += f"{given.threads} thread(s), {versions}; single runs."
    head = "| case | data | solver | its tolerance | seconds | worst suboptimality |"
    lines = ["# Paths", "", about, "", head, "|---|---|---|---:|---:|---:|"]
    for name in given.cases:
        for row in compare(name, given.threads, given.cache, given.python):
            sys.stdout.write(row + "\n")
            sys.stdout.flush()
            lines.append(row)
    if given.out is not None:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
