"""What is in the tree is in the wheel, and the wheel works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*command, str(ROOT)], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Install the wheel in an environment that borrows the dependencies of this one, offline."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run(
        [*pip, "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)], check=True
    )
    # A plain path line: .pth files in the borrowed folder (editable installs) stay unread.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "bin" / words[0]), *words[1:]]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=elsewhere, env=env
        )

    return run


def in_tree() -> set[str]:
    """Return the paths the tree should give in a wheel."""
    found = set()
    for top, prefix in (("hetengine", "hetengine/"), ("backends", ""), ("conf", "hetengine/conf/")):
        for path in (ROOT / top).rglob("*"):
            compiled = "__pycache__" in path.parts or path.suffix in {".pyc", ".nbi", ".nbc"}
            if path.is_file() and not compiled:
                found.add(prefix + path.relative_to(ROOT / top).as_posix())
    return found


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == in_tree()


def test_configs_data_and_types_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "hetengine/conf/run.yaml",
        "hetengine/conf/__init__.py",
        "hetengine/conf/solver/duhl.yaml",
        "hetengine/data/sets/adult.npz",
        "hetengine/py.typed",
        "hetengine_numpy/py.typed",
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_is_what_gets_imported(installed: Run) -> None:
    code = "import hetengine, hetengine_numpy as n; print(hetengine.__file__); print(n.__file__)"
    done = installed("python", "-c", code)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.split():
        assert not line.startswith(str(ROOT)), line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--version"], "hetengine 0"),
        (["--help"], "solver: duhl"),
        (["devices"], "numpy"),
        (["--cfg", "job", "experiment=adult_svm"], "name: adult"),
    ],
)
def test_the_command_works_outside_the_checkout(
    installed: Run, words: list[str], told: str
) -> None:
    done = installed("hetengine", *words)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert done.stderr == ""


def test_other_hydra_apps_can_search_the_configs(installed: Run) -> None:
    code = (
        "from hydra import compose, initialize\n"
        "with initialize(version_base='1.3', config_path=None):\n"
        "    words = ['hydra.searchpath=[pkg://hetengine.conf]', '+solver=duhl']\n"
        "    print(compose(overrides=words).solver.name)\n"
    )
    done = installed("python", "-c", code)
    assert done.stdout == "duhl\n", done.stderr
