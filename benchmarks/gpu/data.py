"""Dense data of any size, made on the fly by all cores; the same for the same seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.gpu.bench import host_threads
from hetengine.data.dataset import Dataset

_SHAPES = {"svm": (512, 4096), "lasso": (20_000, 4096)}
_NOISE = 0.1
_INFORMATIVE = 64


def shape_of(problem: str, nbytes: int) -> tuple[int, int]:
    """Rows and features of a float32 matrix of about this size.

    An SVM gets few features and many examples, a Lasso few examples and many features: DuHL moves
    examples of the one and features of the other.
    """
    other = min(_SHAPES[problem][0], max(int((nbytes / 4) ** 0.5 / 4), 8))
    many = max(nbytes // (4 * other), other)
    return (many, other) if problem == "svm" else (other, many)


def make_dataset(problem: str, nbytes: int, seed: int = 0) -> Dataset:
    """Draw Gaussian features and targets that depend on a few of them."""
    rows, features = shape_of(problem, nbytes)
    moving, length = (rows, features) if problem == "svm" else (features, rows)
    columns = np.empty((moving, length), np.float32)
    pieces = np.array_split(np.arange(moving), min(moving, 8 * host_threads()))
    seeds = np.random.SeedSequence(seed).spawn(len(pieces) + 1)

    def fill(k: int) -> None:
        piece = columns[pieces[k][0] : pieces[k][-1] + 1]
        np.random.default_rng(seeds[k]).standard_normal(out=piece, dtype=np.float32)

    with ThreadPoolExecutor(host_threads()) as pool:
        list(pool.map(fill, range(len(pieces))))
    X = columns if problem == "svm" else columns.T
    rng = np.random.default_rng(seeds[-1])
    chosen = rng.choice(features, min(_INFORMATIVE, features), replace=False)
    scores = X[:, chosen] @ rng.standard_normal(chosen.size)
    scores += _NOISE * scores.std() * rng.standard_normal(rows)
    y = np.where(scores > 0, 1.0, -1.0) if problem == "svm" else scores
    return Dataset(f"gaussian_{problem}", X, y.astype(np.float64), None)
