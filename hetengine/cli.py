"""The command line of a run: compose a config with Hydra, train, write, and answer with a code.

Exit codes: 0 converged (a net: trained), 3 ended before the tolerance (``max_rounds``,
``max_seconds``, ``stalled``, ``diverged``) or below the target accuracy, 2 wrong use, 1 failure (a
net that diverged is one, too), 130 interrupted; of a sweep the worst of its jobs, where 1 is worse
than 2, 2 than 3, and 3 than 0.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hetengine.config import RunConfig, register_schema, run_config
from hetengine.explain import (
    FAILURE,
    TRACEBACK,
    WRONG_USE,
    complain,
    exit_code,
    explain,
    show_traceback,
)
from hetengine.net_result import NetResult
from hetengine.paths import conf_dir
from hetengine.record.goal import goal_of
from hetengine.record.progress import make_progress
from hetengine.record.recorder import Recorder
from hetengine.record.table import print_closing
from hetengine.record.write import CHECKPOINT, claim, held, write_run
from hetengine.result import Result
from hetengine.tuning.result import PathResult
from hetengine.tuning.words import completed

if TYPE_CHECKING:
    from omegaconf import DictConfig

NOT_CONVERGED = 3
INTERRUPTED = 130
SEVERITY = (0, NOT_CONVERGED, WRONG_USE, FAILURE)
"""Exit codes from good to bad."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the Hydra app.

    Parameters
    ----------
    argv : sequence of str, optional
        Overrides and flags; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    words = completed(sys.argv[1:] if argv is None else argv)
    with tempfile.TemporaryDirectory(prefix="hetengine-") as folder, _hydra_environment(words):
        # A file rather than a list: launchers may run jobs in other processes.
        codes = Path(folder) / "exit_codes"
        try:
            if (refusal := _refuse_flags(words)) is not None:
                complain(refusal)
                return WRONG_USE
            _compose_and_run(codes)
        except KeyboardInterrupt as stop:
            complain(str(stop) or "interrupted; of the unfinished run nothing was written")
            return INTERRUPTED
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else FAILURE
        except Exception as error:
            return _not_composed(error)
        return worst_code(codes, sweep=not {"-m", "--multirun"}.isdisjoint(words))


def run_job(config: DictConfig, directory: Path, overrides: Sequence[str]) -> tuple[int, float]:
    """Run one job; a failure is told at once and kept in ``error.txt``, and never raised.

    Parameters
    ----------
    config : DictConfig
        As composed, without the ``hydra`` node.
    directory : pathlib.Path
        Where its files go.
    overrides : sequence of str
        What was typed, for the summary.

    Returns
    -------
    int
        The exit code.
    float
        The metric sweeps minimise; NaN for a failed job.
    """
    try:
        settings = run_config(config, overrides)
    except Exception as error:
        return _failed(error, directory), float("nan")
    return carry_out(settings, directory, overrides, lambda recorder: _train(settings, recorder))


def carry_out(
    settings: RunConfig,
    directory: Path,
    overrides: Sequence[str],
    job: Callable[[Recorder], Result | NetResult | PathResult],
) -> tuple[int, float]:
    """Do a job of a checked config; see `run_job`.

    Parameters
    ----------
    settings : RunConfig
        What is run.
    directory : pathlib.Path
        Where its files go.
    overrides : sequence of str
        What was typed, for the summary.
    job : callable
        Takes a recorder and returns a result.

    Raises
    ------
    KeyboardInterrupt
        With a message that says where the run can go on from, if it can.
    """
    try:
        claim(directory)
        recorder = Recorder(make_progress(settings.progress, goal_of(settings)), directory)
        try:
            result = job(recorder)
        finally:
            recorder.progress.close()
        result.summary["overrides"] = list(overrides)
        _keep(directory, result, recorder, settings)
        answer = _code(result, settings), metric_of(result, settings.metric)
    except KeyboardInterrupt as stop:
        if not str(stop) and (directory / CHECKPOINT).exists():
            told = f"interrupted; go on with: hetengine resume {directory}"
            raise KeyboardInterrupt(told) from stop
        raise
    except Exception as error:
        return _failed(error, directory), float("nan")
    if result.status == "interrupted":
        kept = "points done are" if isinstance(result, PathResult) else "model so far is"
        raise KeyboardInterrupt(f"interrupted; the {kept} in {directory}")
    return answer


def metric_of(result: Result | NetResult | PathResult, name: str) -> float:
    """Return the number a sweep minimises.

    Parameters
    ----------
    result : Result or NetResult or PathResult
        Of a finished job.
    name : str
        One of `hetengine.config.METRICS`.
    """
    name = result.default_metric if name == "auto" else name
    value = getattr(result, name, None)
    return float(result.summary[name] if value is None else value)


def _train(settings: RunConfig, recorder: Recorder) -> Result | NetResult | PathResult:
    """Hand over to the engine; imported late so that ``--help`` does not wait for compilers."""
    from hetengine import engine

    return engine.run(settings, recorder)


def _keep(
    directory: Path,
    result: Result | NetResult | PathResult,
    recorder: Recorder,
    settings: RunConfig,
) -> None:
    """Write a result and show it; should the directory refuse, write it elsewhere and say so."""
    try:
        files = write_run(directory, result, recorder, settings)
    except Exception as error:
        rescue = Path(tempfile.mkdtemp(prefix="hetengine-rescued-"))
        files = write_run(rescue, result, recorder, settings)
        print_closing(replace(result, directory=rescue), files)
        message = f"could not write to {directory} ({explain(error)}); the result is in {rescue}"
        raise OSError(message) from error
    print_closing(replace(result, directory=directory), files)


def _code(result: Result | NetResult | PathResult, settings: RunConfig) -> int:
    if result.broken:
        return FAILURE
    return 0 if result.converged or settings.mode.name == "dry" else NOT_CONVERGED


def _failed(error: Exception, directory: Path) -> int:
    """Tell one line, keep the traceback beside the job unless the place is another run's."""
    code = exit_code(error)
    message = explain(error)
    where = ""
    if not held(directory):
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            text = f"exit code {code}: {message}\n\n{''.join(traceback.format_exception(error))}"
            (directory / "error.txt").write_text(text, encoding="utf-8")
            where = f" (traceback in {directory / 'error.txt'})" if code == FAILURE else ""
    complain(message + where)
    show_traceback(error)
    return code


def _compose_and_run(codes: Path) -> None:
    """Let Hydra parse ``sys.argv``, compose, and call the job once or many times."""
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    register_schema()

    def job(config: DictConfig) -> float:
        about = HydraConfig.get()
        overrides = list(about.overrides.task)
        if about.mode == RunMode.MULTIRUN:
            sys.stderr.write(f"job {about.job.num}: {' '.join(overrides)}\n")
        code, metric = run_job(config, Path(about.runtime.output_dir), overrides)
        with codes.open("a", encoding="utf-8") as stream:
            stream.write(f"{code}\n")
        return metric

    hydra.main(version_base="1.3", config_path=conf_dir(), config_name="run")(job)()


def worst_code(codes: Path, *, sweep: bool) -> int:
    """Return the worst exit code of all jobs and, for several, count them.

    Parameters
    ----------
    codes : pathlib.Path
        File with the exit code of each job on a line; none where no job was asked for (``--cfg``).
    sweep : bool
        Whether at least one job should have reported.
    """
    if not codes.exists():
        if not sweep:
            return 0
        complain("no job of the sweep has reported back; see the job directories")
        return FAILURE
    found = [int(line) for line in codes.read_text(encoding="utf-8").split()]
    if len(found) > 1:
        good, stopped = found.count(0), found.count(NOT_CONVERGED)
        failed = len(found) - good - stopped
        sys.stderr.write(
            f"{len(found)} jobs: {good} converged, {stopped} stopped before the tolerance, "
            f"{failed} failed\n"
        )
    return max(found, key=SEVERITY.index)


def _not_composed(error: Exception) -> int:
    """Tell in one line why Hydra could not compose a config or start the jobs."""
    complain(explain(error))
    show_traceback(error)
    # Hydra answers some malformed overrides with a bare ValueError or TypeError.
    return WRONG_USE if isinstance(error, ValueError | TypeError | OSError) else exit_code(error)


def _refuse_flags(words: Sequence[str]) -> str | None:
    """Return what is wrong with the flags; argparse itself would print its usage."""
    from hydra._internal.utils import get_args_parser

    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            get_args_parser().parse_args(list(words))
    except SystemExit as stop:
        if stop.code:
            return told.getvalue().strip().splitlines()[-1].partition("error: ")[2] + "; see --help"
    return None


@contextlib.contextmanager
def _hydra_environment(words: Sequence[str]) -> Iterator[None]:
    """Give Hydra our arguments and have it raise errors instead of printing them."""
    argv, before = sys.argv, {key: os.environ.get(key) for key in ("HYDRA_FULL_ERROR", TRACEBACK)}
    sys.argv = ["hetengine", *words]
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        os.environ[TRACEBACK] = "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value
