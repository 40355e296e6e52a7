from __future__ import annotations

import json
from pathlib import Path

import pytest

from hetengine import cli
from hetengine.config import RunConfig
from hetengine.errors import DeviceFailure, OutOfCapacity
from hetengine.record.write import FILES


def one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("hetengine: ")
    return lines[0]


def test_a_converged_run_answers_0_and_leaves_its_files(hetengine, engine, tmp_path: Path) -> None:
    answer = hetengine("hydra.run.dir=out", "seed=3", "progress=none")
    assert answer.code == 0
    assert answer.err == ""
    assert engine.configs[0].seed == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    for name in FILES:
        assert str(tmp_path / "out" / name) in answer.out.splitlines()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["overrides"] == ["seed=3", "progress=none"]


def test_runs_go_to_directories_of_their_own(hetengine, engine, tmp_path: Path) -> None:
    for _ in range(2):
        assert hetengine("progress=none").code == 0
    assert len(list(tmp_path.glob("runs/*/*/summary.json"))) == 2


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_stopping_before_the_tolerance_answers_3(hetengine, engine, mode: str) -> None:
    engine.status = "max_rounds"
    assert hetengine(f"mode={mode}").code == 3


def test_a_dry_run_has_nothing_to_converge(hetengine, engine) -> None:
    engine.status = "max_rounds"
    assert hetengine("mode=dry").code == 0


def test_a_run_is_never_overwritten(hetengine, engine, tmp_path: Path) -> None:
    assert hetengine("hydra.run.dir=out").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    answer = hetengine("hydra.run.dir=out")
    assert answer.code == 2
    assert "already holds a run" in one_line(answer.err)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert len(engine.configs) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["problem=laso"], "did you mean 'lasso'?"),
        (["problem.lamb=1"], "did you mean 'lam'?"),
        (["tol=abc"], "could not be converted to Float"),
        (["tol=-1"], "must be finite and greater than 0"),
        (["nonsense"], "neither key=value nor a command"),
        (["mode=[1,2]"], "TypeError"),
        (["problem=null"], "must be a string or a list"),
        (["--foo"], "unrecognized arguments: --foo"),
        (["--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["--cfg", "job", "--multirun"], "Only one of"),
        (["--config-dir", "nowhere"], "not found"),
        (["doctor", "please"], "takes no arguments"),
        (["-m", "problem=laso,svm"], "did you mean 'lasso'?"),
    ],
)
def test_wrong_use_answers_2_in_one_line(hetengine, words: list[str], told: str) -> None:
    answer = hetengine(*words)
    assert answer.code == 2
    assert told in one_line(answer.err)
    assert answer.out == ""


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OutOfCapacity("card: columns needs 9 bytes"), 2, "card: columns needs 9 bytes"),
        (DeviceFailure("card stopped"), 1, "card stopped"),
        (FileNotFoundError(2, "No such file", "a.svm"), 2, "a.svm: No such file"),
        (ZeroDivisionError("a\nb"), 1, "ZeroDivisionError: a b"),
        (MemoryError("Unable to allocate 8 TiB"), 2, "not enough memory here: Unable to allocate"),
    ],
)
def test_a_failed_run_is_one_line_and_keeps_its_traceback(
    hetengine, engine, tmp_path: Path, error: Exception, code: int, told: str
) -> None:
    engine.error = lambda config: error
    answer = hetengine("hydra.run.dir=out")
    assert answer.code == code
    assert told in one_line(answer.err)
    kept = (tmp_path / "out" / "error.txt").read_text()
    assert kept.startswith(f"exit code {code}: {told}")
    assert "Traceback" in kept


@pytest.mark.parametrize("variable", ["HYDRA_FULL_ERROR", "HETENGINE_TRACEBACK"])
def test_a_traceback_can_be_had(
    hetengine, engine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    engine.error = lambda config: ZeroDivisionError("oh")
    monkeypatch.setenv(variable, "1")
    assert "Traceback" in hetengine().err
    assert "Traceback" in hetengine("problem=laso").err


def test_an_interrupt_answers_130(hetengine, engine) -> None:
    engine.error = lambda config: KeyboardInterrupt()
    answer = hetengine()
    assert answer.code == 130
    assert "interrupted" in one_line(answer.err)


def test_a_result_that_cannot_be_written_is_saved_elsewhere(
    hetengine, engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = cli.write_run

    def full(directory: Path, *rest) -> list[Path]:
        if directory == tmp_path / "out":
            raise OSError(28, "No space left on device")
        return write(directory, *rest)

    monkeypatch.setattr(cli, "write_run", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = hetengine("hydra.run.dir=out", "progress=none")
    assert answer.code == 1
    assert "No space left on device" in one_line(answer.err)
    (rescued,) = tmp_path.glob("hetengine-rescued-*/model.npz")
    assert str(rescued) in answer.out


def test_every_job_of_a_sweep_runs_and_the_worst_code_wins(
    hetengine, engine, tmp_path: Path
) -> None:
    def error(config: RunConfig) -> Exception | None:
        engine.status = "max_rounds" if config.seed == 2 else "converged"
        return {1: DeviceFailure("broken"), 3: OutOfCapacity("too small")}.get(config.seed)

    engine.error = error
    answer = hetengine("-m", "hydra.sweep.dir=out", "seed=0,1,2,3", "progress=none")
    assert answer.code == 1
    assert [config.seed for config in engine.configs] == [0, 1, 2, 3]
    for job in (0, 2):
        assert (tmp_path / "out" / str(job) / "summary.json").exists()
    assert "broken" in (tmp_path / "out" / "1" / "error.txt").read_text()
    assert "too small" in (tmp_path / "out" / "3" / "error.txt").read_text()
    lines = answer.err.splitlines()
    assert lines.index("job 1: seed=1 progress=none") + 1 == next(
        k for k, line in enumerate(lines) if "broken" in line
    )
    assert lines[-1] == "4 jobs: 1 converged, 1 stopped before the tolerance, 2 failed"


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([0, 3, 0], 3), ([3, 2, 0], 2), ([2, 1, 3], 1), ([1], 1)],
)
def test_1_is_worse_than_2_than_3_than_0(tmp_path: Path, codes: list[int], worst: int) -> None:
    reports = tmp_path / "exit_codes"
    reports.write_text("".join(f"{code}\n" for code in codes))
    assert cli.worst_code(reports, sweep=True) == worst


def test_a_sweep_that_never_reports_back_is_a_failure(tmp_path: Path) -> None:
    assert cli.worst_code(tmp_path / "none", sweep=True) == 1
    assert cli.worst_code(tmp_path / "none", sweep=False) == 0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("relative_gap", 4e-5),
        ("seconds", 0.5),
        ("objective", 0.25),
        ("bytes_host_to_device", 12.0),
    ],
)
def test_a_sweeper_gets_the_metric(
    hetengine, engine, monkeypatch: pytest.MonkeyPatch, metric: str, expected: float
) -> None:
    given = []
    job = cli.run_job

    def watched(*args) -> tuple[int, float]:
        given.append(job(*args))
        return given[-1]

    monkeypatch.setattr(cli, "run_job", watched)
    assert hetengine(f"metric={metric}").code == 0
    assert given == [(0, expected)]


def test_plain_progress_goes_to_standard_error(hetengine, engine) -> None:
    answer = hetengine("progress=plain")
    assert answer.err.startswith("round 1  0.50 s  objective 0.25")
    assert "round 1" not in answer.out
