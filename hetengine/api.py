"""The engine from Python: `run` takes overrides, `fit` takes arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hetengine import engine
from hetengine.config import RunConfig, run_config
from hetengine.data.convert import dataset_of
from hetengine.data.dataset import Dataset
from hetengine.errors import UsageError
from hetengine.explain import explain
from hetengine.paths import conf_dir
from hetengine.record.progress import make_progress
from hetengine.record.recorder import Recorder
from hetengine.record.write import claim, write_run
from hetengine.result import Result

if TYPE_CHECKING:
    from omegaconf import DictConfig

_RUN_DIR = "hydra.run.dir="


def run(overrides: Sequence[str] = ()) -> Result:
    """Train as the command line would.

    Parameters
    ----------
    overrides : sequence of str
        What would be typed after ``hetengine``, for instance ``["problem=lasso", "tol=1e-6"]``.
        With ``hydra.run.dir=DIR`` the files of the run are written there; without it none are.

    Returns
    -------
    Result
        Model, certificate and history.

    Raises
    ------
    UsageError
        If an override is wrong; the message lists what is allowed.

    Examples
    --------
    >>> import hetengine
    >>> result = hetengine.run(["problem.lam=0.001", "progress=none"])
    >>> result.status
    'converged'
    """
    directories = [word[len(_RUN_DIR) :] for word in overrides if word.startswith(_RUN_DIR)]
    words = [word for word in overrides if not word.startswith(_RUN_DIR)]
    config = compose(words)
    return _train(config, None, directories[-1] if directories else None)


def fit(
    X: Any,
    y: Any,
    problem: str = "svm",
    lam: float | None = None,
    tol: float = 1e-4,
    threads: int = 1,
    topology: str = "cpu",
    solver: str = "duhl",
    *,
    sample_weight: Any = None,
    intercept: bool = False,
    overrides: Sequence[str] = (),
) -> Result:
    """Train on arrays in memory.

    Parameters
    ----------
    X : array or SciPy sparse array, shape (rows, columns)
        Examples. Float64 is solved in float64 throughout, everything else in float32.
    y : array, shape (rows,)
        Labels or targets.
    problem, topology, solver : str
        Config group options.
    lam : float, optional
        Regularisation strength; 0.1 of lambda_max by default.
    tol : float
        Relative duality gap to reach.
    threads : int
        Threads of each device.
    sample_weight : array, shape (rows,), optional
        Scaled to mean 1.
    intercept : bool
        Fit a constant.
    overrides : sequence of str
        As on the command line.

    Raises
    ------
    DataError, UsageError
        If the arrays or the settings cannot be used.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 20))
    >>> result = fit(X, X[:, 0] - X[:, 1], problem="lasso", lam=0.01)
    >>> np.flatnonzero(result.w)
    array([0, 1])
    """
    settings = {"problem": problem, "topology": topology, "solver": solver, "tol": tol}
    settings |= {"problem.intercept": intercept, "progress": "none"}
    settings["precision"] = "float64" if getattr(X, "dtype", None) == np.float64 else "float32"
    if lam is not None:
        settings |= {"problem.lam": lam, "problem.lam_ratio": "null"}
    config = compose([*(f"{key}={value}" for key, value in settings.items()), *overrides])
    for device in config.topology.devices.values():
        device.threads = threads
    return _train(config, dataset_of(X, y, sample_weight, dtype=np.dtype(config.precision)), None)


def compose(words: Sequence[str]) -> RunConfig:
    """Compose a config outside Hydra's app; errors are those of the command line.

    Parameters
    ----------
    words : sequence of str
        Overrides.

    Raises
    ------
    UsageError
        If one is wrong.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from hetengine.config import register_schema

    register_schema()
    try:
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            composed: DictConfig = compose("run", list(words))
            return run_config(composed, words)
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(explain(error)) from error


def _train(config: RunConfig, dataset: Dataset | None, directory: str | None) -> Result:
    path = None if directory is None else claim(Path(directory))
    recorder = Recorder(make_progress(config.progress, config.tol))
    try:
        result = engine.run(config, recorder, dataset)
    finally:
        recorder.progress.close()
    if path is None:
        return result
    write_run(path, result, recorder, config)
    return replace(result, directory=path)
