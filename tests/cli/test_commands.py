from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from hetengine import registry
from hetengine.backend import Check, DeviceInfo
from hetengine.errors import BackendUnavailable


class Good:
    name = "good"

    def devices(self) -> list[DeviceInfo]:
        return [DeviceInfo("good", 0, "Fast One [2]", 8_000_000_000, "two cores")]

    def check(self) -> list[Check]:
        return [Check("import", True, "1.0"), Check("answer", True)]


class Failing(Good):
    def check(self) -> list[Check]:
        return [Check("driver", False, "not found", "pip install driver")]


class Raising(Good):
    def __init__(self) -> None:
        raise ImportError("libfast.so: no such file")


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch):
    registry.backend.cache_clear()

    def install(**kinds: type) -> None:
        entries = {
            name: metadata.EntryPoint(name, f"{__name__}:{kind.__name__}", registry.GROUP)
            for name, kind in kinds.items()
        }
        monkeypatch.setattr(registry, "installed", lambda: entries)

    yield install
    registry.backend.cache_clear()


def test_doctor_answers_0_where_all_is_well(hetengine, backends) -> None:
    backends(good=Good)
    answer = hetengine("doctor")
    assert answer.code == 0
    assert "good" in answer.out
    assert "FAILED" not in answer.out


def test_a_broken_backend_hides_no_other(hetengine, backends) -> None:
    backends(bad=Raising, failing=Failing, good=Good)
    answer = hetengine("doctor")
    assert answer.code == 1
    assert "libfast.so" in answer.out
    assert "failing, driver: pip install driver" in answer.out
    assert "answer" in answer.out
    answer = hetengine("devices")
    assert answer.code == 0
    assert "Fast One [2]" in answer.out
    assert "8.0 GB" in answer.out
    assert "bad: " in answer.out


def test_without_any_backend_both_say_what_to_type(hetengine, backends) -> None:
    backends()
    for command in ("doctor", "devices"):
        answer = hetengine(command)
        assert answer.code == 1
        assert "pip install -e ." in answer.out


def test_a_backend_is_made_once(backends) -> None:
    backends(good=Good)
    assert registry.backend("good") is registry.backend("good")


def test_a_typo_in_a_backend_is_told(backends) -> None:
    backends(numpy=Good)
    with pytest.raises(BackendUnavailable, match=r"did you mean 'numpy'\? allowed: numpy"):
        registry.backend("nunpy")


def test_the_reason_a_backend_cannot_load_is_chained(backends) -> None:
    backends(bad=Raising)
    with pytest.raises(BackendUnavailable, match=r"ImportError: libfast\.so") as caught:
        registry.backend("bad")
    assert isinstance(caught.value.__cause__, ImportError)


def test_no_entry_points_at_all_means_not_installed(backends) -> None:
    backends()
    with pytest.raises(BackendUnavailable, match=r"run `pip install -e \.`"):
        registry.backend("numpy")


def test_help_has_three_examples_and_the_groups(hetengine) -> None:
    answer = hetengine("--help")
    assert answer.code == 0
    assert sum(line.startswith("hetengine ") for line in answer.out.splitlines()) >= 3
    for group in ("solver: duhl", "problem: ", "data: ", "topology: ", "mode: ", "experiment: "):
        assert f"\n{group}" in answer.out
    assert "hetengine doctor" in answer.out


def test_version_is_ours(hetengine) -> None:
    answer = hetengine("--version")
    assert answer.out.startswith("hetengine ")
    assert answer.code == 0


@pytest.mark.parametrize("command", ["doctor", "devices"])
def test_commands_have_help(hetengine, command: str) -> None:
    answer = hetengine(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"hetengine {command}: ")


def test_the_config_can_be_shown(hetengine) -> None:
    answer = hetengine("--cfg", "job", "problem=lasso")
    assert answer.code == 0
    assert "name: lasso" in answer.out


def test_shell_completion_completes_groups(hetengine, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "hetengine problem=la"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    answer = hetengine("-sc", "query=bash")
    assert answer.code == 0
    assert "problem=lasso" in answer.out


def test_shell_completion_installs_for_our_command(hetengine) -> None:
    answer = hetengine("-sc", "install=bash")
    assert answer.code == 0
    assert "hetengine" in answer.out


QUICK = """
import sys
import hetengine
slow = {"numpy", "scipy", "numba", "sklearn", "rich", "hydra", "omegaconf"} & sys.modules.keys()
assert not slow, slow
from hetengine.__main__ import main
for command in (["devices"], ["doctor"], ["--version"]):
    main(command)
heavy = {"hydra", "omegaconf"} & sys.modules.keys()
assert not heavy, heavy
"""


SHIPPED = """
import sys
from hetengine.__main__ import main
assert main(["experiment=adult_svm", "max_rounds=1", "progress=none"]) in (0, 3)
slow = {"sklearn", "pandas", "matplotlib", "torch", "hetengine_numpy.nets"} & sys.modules.keys()
assert not slow, slow
"""


@pytest.mark.parametrize("code", [QUICK, SHIPPED], ids=["commands", "shipped set"])
def test_nothing_is_imported_that_is_not_needed(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
