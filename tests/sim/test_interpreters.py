"""The same config and seed give the same bytes on every Python that is there.

Interpreters named ``python3.11`` to ``python3.14`` on the search path take part, and those listed
in the variable ``HETENGINE_PYTHONS``, if hetengine's dependencies can be imported there and NumPy,
SciPy and Numba have the versions they have here. To have one:

    python3.13 -m venv FOLDER && FOLDER/bin/pip install -c constraints.txt .
    HETENGINE_PYTHONS=FOLDER/bin/python make test ARGS=tests/sim/test_interpreters.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "HETENGINE_PYTHONS"
NAMES = ("python3.11", "python3.12", "python3.13", "python3.14")
NEEDED = "numpy, numba, scipy, sklearn, simpy, hydra, rich, threadpoolctl"
VERSION = f"""
import sys, {NEEDED}
print("%d.%d" % sys.version_info[:2], numpy.__version__, scipy.__version__, numba.__version__)
"""
DIGESTS = """
import hashlib, sys, tempfile
from pathlib import Path
import hetengine
from tests.sim.scenarios import SCENARIOS

def tell(name, text):
    print(name, hashlib.sha256(text).hexdigest())

for name in SCENARIOS:
    tell(name, SCENARIOS[name]().encode())
words = ["mode=simulate", "data=breast_cancer", "problem=svm", "progress=none", "seed=5"]
with tempfile.TemporaryDirectory() as folder:
    hetengine.run([*words, "max_rounds=12", f"hydra.run.dir={folder}/run"])
    tell("a simulated run", (Path(folder) / "run" / "trace.json").read_bytes())
"""
LIMIT_SECONDS = 300
POINTS = """\
[hetengine.backends]
numpy = hetengine_numpy:NumpyBackend
"""


def output(python: str, code: str, folder: Path | None = None) -> str | None:
    """Return what a program prints under an interpreter, or None if it fails."""
    roots = [str(ROOT), str(ROOT / "backends"), *([str(folder)] if folder else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(roots), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [python, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    if done.returncode and folder:
        pytest.fail(f"{python}: {done.stderr.strip()[-2000:]}")
    return None if done.returncode else done.stdout.strip()


@lru_cache
def interpreters() -> tuple[dict[str, str], list[str]]:
    """Return those that can take part, by version, and the names of those that cannot."""
    named = [each for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
    here, *libraries = (output(sys.executable, VERSION) or "").split()
    found, unfit = {}, []
    for python in [*named, *filter(None, map(shutil.which, NAMES))]:
        version, *others = (output(python, VERSION) or "none").split()
        if others == libraries:
            found.setdefault(version, python)
        else:
            unfit.append(python)
    found.pop(here, None)
    return found, unfit


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that says which backends there are, as an installation would."""
    folder = tmp_path_factory.mktemp("site")
    about = folder / "hetengine-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hetengine\nVersion: 0\n")
    (about / "entry_points.txt").write_text(POINTS)
    return folder


def test_other_versions_of_python_make_the_same_traces(described: Path) -> None:
    found, unfit = interpreters()
    if not found:
        pytest.skip(
            f"no other Python has {NEEDED}, in the versions that are here (looked at: "
            f"{', '.join(unfit) or 'none'}); see the top of {Path(__file__).name}"
        )
    here = output(sys.executable, DIGESTS, described)
    assert here is not None
    assert here.count("\n") >= 3
    for version, python in found.items():
        assert output(python, DIGESTS, described) == here, f"Python {version}: {python}"
