"""A worker process as its parent sees it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.solvers.entry import Entry

_ROOT = Path(__file__).resolve().parents[2]
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
    "NUMEXPR_NUM_THREADS",
)
_PROBE = """
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
for word in sys.argv[1:]:
    module, distribution = word.split("=")
    try:
        print(int(find_spec(module) is not None and bool(version(distribution))))
    except PackageNotFoundError:
        print(0)
"""


class ContestantFailed(Exception):
    """A worker died, or took too long."""


def find_interpreters(entries: list[Entry], interpreters: list[str]) -> dict[str, str]:
    """Return, by name of the entry, the first interpreter that can import it.

    Parameters
    ----------
    entries : list of Entry
    interpreters : list of str
        Paths, in order of preference.
    """
    words = [f"{entry.module}={entry.distribution}" for entry in entries]
    found: dict[str, str] = {}
    for path in interpreters:
        command = [path, "-c", _PROBE, *words]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        for entry, answer in zip(entries, told, strict=True):
            if answer == "1":
                found.setdefault(entry.name, path)
    return found


class Contestant:
    """One solver on one problem, in a process of its own.

    Parameters
    ----------
    interpreter : str
    problem, solver : str
    threads : int
    cache : Path
        Folder of the data.

    Attributes
    ----------
    about : dict
        Version, dtype, seconds of compilation and of preparation.
    """

    def __init__(
        self, interpreter: str, problem: str, solver: str, threads: int, cache: Path
    ) -> None:
        self.solver = solver
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        environment.update(dict.fromkeys(_THREADS, str(threads)))
        words = [problem, solver, str(threads), str(cache)]
        self._process = subprocess.Popen(
            [interpreter, "-m", "benchmarks.peers.worker", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment, cwd=_ROOT,
        )  # fmt: skip
        self.about: dict[str, Any] = {}

    def begin(self, most_seconds: float) -> None:
        """Wait until the worker is ready."""
        self.about = self._read(most_seconds)

    def fit(self, knob: float, most_seconds: float) -> dict[str, float]:
        """Fit once; returns seconds and objective.

        Raises
        ------
        ContestantFailed
            If the worker dies or takes longer than it may; it is ended then.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(knob) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None
        return self._read(most_seconds)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _read(self, most_seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        begun = time.monotonic()
        ready, _, _ = select.select([self._process.stdout], [], [], most_seconds)
        if not ready:
            self.close()
            waited = time.monotonic() - begun
            raise ContestantFailed(f"{self.solver}: stopped after {waited:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        return json.loads(line)

    def _failed(self) -> ContestantFailed:
        self._process.kill()
        _, told = self._process.communicate()
        last = told.strip().splitlines()[-1:] or [f"exit status {self._process.returncode}"]
        return ContestantFailed(f"{self.solver}: {last[0][:300]}")


def own_interpreter() -> str:
    """Return the interpreter that runs this."""
    return sys.executable
