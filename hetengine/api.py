"""The engine from Python: `run` takes overrides, `fit` arrays for a linear model, `train` a net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hetengine import engine
from hetengine.arguments import (
    check_linear,
    check_net,
    check_single,
    number,
    whole,
    words_beside_arrays,
    words_of,
)
from hetengine.config import RunConfig, run_config
from hetengine.data.convert import dataset_of
from hetengine.data.images.convert import image_data_of
from hetengine.data.images.dataset import ImageData
from hetengine.engine import linear, net
from hetengine.errors import UsageError
from hetengine.explain import explain
from hetengine.families import linear_parts
from hetengine.net_result import NetResult
from hetengine.nets.model import Model
from hetengine.paths import conf_dir
from hetengine.problems.config import ProblemConfig
from hetengine.record.goal import goal_of
from hetengine.record.progress import make_progress
from hetengine.record.recorder import Recorder
from hetengine.record.write import claim, write_run
from hetengine.result import Result
from hetengine.tuning.result import PathResult
from hetengine.tuning.words import completed

if TYPE_CHECKING:
    from omegaconf import DictConfig

_RUN_DIR = "hydra.run.dir="


def run(overrides: Sequence[str] = ()) -> Any:
    """Train as the command line would.

    Parameters
    ----------
    overrides : sequence of str
        What would be typed after ``hetengine``, for instance ``["problem=lasso", "tol=1e-6"]``.
        With ``hydra.run.dir=DIR`` the files of the run are written there; without it none are.

    Returns
    -------
    Result or NetResult or PathResult
        Of a linear model, of a net where ``problem=`` names one, or of a path where ``path`` or
        ``cv`` asks for one.

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
    overrides = words_of(overrides)
    directories = [word[len(_RUN_DIR) :] for word in overrides if word.startswith(_RUN_DIR)]
    words = [word for word in overrides if not word.startswith(_RUN_DIR)]
    config = compose(words)
    return recorded(
        config,
        lambda recorder: engine.run(config, recorder),
        directories[-1] if directories else None,
    )


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
    """Train a linear model on arrays in memory.

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
    tol, threads : float and int
        Relative duality gap to reach; threads of each device.
    sample_weight : array, shape (rows,), optional
        Scaled to mean 1.
    intercept, overrides : bool and sequence of str
        Fit a constant; words as on the command line, but not about data or files.

    Returns
    -------
    Result
        Interrupted by Ctrl-C, with the last certified model and the status ``interrupted``.

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
    check_linear(problem)
    precision = "float64" if getattr(X, "dtype", None) == np.float64 else "float32"
    words = [f"problem={problem}", f"topology={topology}", f"solver={solver}", "progress=none"]
    words += [f"problem.intercept={intercept}", f"precision={precision}", "solver.selection=auto"]
    config = composed_for((*words, *words_beside_arrays(overrides)), tol, lam, threads)
    check_single(config.path)
    # Where the first pass reads every entry anyway, that pass notices NaN and Inf.
    defer = linear.by_row(config) and linear_parts(config).problem.lam is not None
    dataset = dataset_of(X, y, sample_weight, dtype=np.dtype(config.precision), defer=defer)
    return recorded(config, lambda recorder: linear.run(config, recorder, dataset, True), None)


def train(
    model: Model | str,
    images: Any,
    labels: Any = None,
    test: tuple[Any, Any] | None = None,
    topology: str = "cpu",
    *,
    pad: int = 0,
    flip: bool = False,
    overrides: Sequence[str] = (),
) -> NetResult:
    """Train a net on images in memory, by local SGD.

    Parameters
    ----------
    model : Model or str
        A `hetengine.nets.Net` of one's own layers, a `hetengine_torch.TorchModel`, or the name of a
        net, such as ``cnn``.
    images : array, shape (N, H, W), (N, C, H, W), (N, H, W, C) or (N, features), or ImageData
        Training images: whole numbers from 0 to 255, or floating-point numbers.
    labels : array, shape (N,), optional
        Classes, from 0; none with ImageData.
    test : tuple of array, optional
        Held-out images and labels.
    topology : str
        Config group option; its accelerators are the workers.
    pad : int
        Train on random crops of the image padded by this many pixels.
    flip : bool
        Mirror half of the images in training.
    overrides : sequence of str
        As on the command line, for instance ``["solver.epochs=5", "mode=simulate"]``.

    Raises
    ------
    DataError, UsageError
        If the arrays, the model or the settings cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images = rng.normal(size=(256, 8, 8)) + np.arange(256)[:, None, None] % 2
    >>> words = ["solver.epochs=4", "solver.epoch=pass", "solver.batch=16"]
    >>> train("mlp", images, np.arange(256) % 2, overrides=words).status
    'finished'
    """
    check_net(model)
    name = model if isinstance(model, str) else "cnn"
    words = [f"problem={name}", "data=digits_images", "solver=local_sgd", f"topology={topology}"]
    config = compose([*words, "progress=none", *words_beside_arrays(overrides)])
    if isinstance(images, ImageData):
        data = images
    else:
        data = image_data_of(images, labels, test, pad=pad, flip=flip)
    own = None if isinstance(model, str) else model
    return recorded(config, lambda recorder: net.run(config, recorder, data, own), None)


def composed_for(words: tuple[str, ...], tol: float, lam: float | None, threads: int) -> RunConfig:
    """Return the config of options and numbers; options are composed once per process.

    Composing takes Hydra longer than many a model takes to fit.

    Parameters
    ----------
    words : tuple of str
        Overrides; what they say of a number counts more than the argument.
    tol : float
        Relative duality gap to reach.
    lam : float or None
        Regularisation strength.
    threads : int
        Threads of each device.

    Raises
    ------
    UsageError
        If a word or a number is wrong.
    """
    threads, tol = whole("threads", threads), number("tol", tol)
    lam = None if lam is None else number("lam", lam)
    base = _composed(words)
    said = {word.lstrip("+~").partition("=")[0] for word in words}
    assert isinstance(base.problem, ProblemConfig)
    problem = base.problem
    if lam is not None and said.isdisjoint(("problem.lam", "problem.lam_ratio")):
        problem = replace(problem, lam=lam, lam_ratio=None)
    topology = deepcopy(base.topology)
    for device in topology.devices.values():
        device.threads = threads
    tol = base.tol if "tol" in said else tol
    return replace(base, tol=tol, problem=problem, topology=topology)


@lru_cache(maxsize=64)
def _composed(words: tuple[str, ...]) -> RunConfig:
    return compose(words)


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
            composed: DictConfig = compose("run", completed(words))
            return run_config(composed, words)
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(explain(error)) from error


Kind = TypeVar("Kind", bound=Result | NetResult | PathResult)


def recorded(config: RunConfig, job: Callable[[Recorder], Kind], directory: str | None) -> Kind:
    """Do a job, show how it gets on, and write its files if asked to.

    Parameters
    ----------
    config : RunConfig
        What is run.
    job : callable
        Takes a recorder and returns a result.
    directory : str or None
        Where the files go; None for no files.
    """
    path = None if directory is None else claim(Path(directory))
    recorder = Recorder(make_progress(config.progress, goal_of(config)), path)
    try:
        result = job(recorder)
    finally:
        recorder.progress.close()
    if path is None:
        return result
    write_run(path, result, recorder, config)
    return replace(result, directory=path)
