"""Every command of the README is run as it stands there."""

from __future__ import annotations

import bz2
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def of(program: str) -> list[list[str]]:
    return [words for words in commands() if words[0] == program]


def users_files(folder: Path) -> None:
    """Write what a user would have: FILE.csv and FILE.svm.bz2."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 30))
    y = X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(120)
    np.savetxt(folder / "FILE.csv", np.column_stack([X, y]), delimiter=",")
    lines = [
        f"{np.sign(label):+.0f} " + " ".join(f"{j + 1}:{value:.4f}" for j, value in enumerate(row))
        for row, label in zip(X, y, strict=True)
    ]
    (folder / "FILE.svm.bz2").write_bytes(bz2.compress("\n".join(lines).encode()))


WRITE_NOTHING = ("doctor", "devices", "plan")


def test_every_command_is_of_a_kind_that_is_run_here() -> None:
    assert {words[0] for words in commands()} == {"make", "hetengine"}
    assert len(of("hetengine")) >= 7


@pytest.mark.parametrize("words", of("hetengine"), ids=" ".join)
def test_hetengine_command_runs(words: list[str], tmp_path: Path) -> None:
    users_files(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "hetengine", *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("**/summary.json")) or words[1] in WRITE_NOTHING


@pytest.mark.parametrize("words", of("make"), ids=" ".join)
def test_make_target_exists(words: list[str]) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("python"))
def test_python_example_runs(code: str, tmp_path: Path) -> None:
    if "torch" in code:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if "hetengine.fit" in code:
        assert "[0 3]" in done.stdout
    else:
        assert float(done.stdout.split()[1]) > 0.9, done.stdout


def test_linked_files_exist() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
