"""The suite of benchmarks/fidelity measured in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fidelity.cases import DEVELOPMENT, PROBES, suite
from benchmarks.fidelity.parts import Part, merged, read_parts
from benchmarks.fidelity.score import Outcome, common_factors, drifts, markdown


def outcome(name: str) -> Outcome:
    parts = {"compute": 1.0, "idle": 0.5}
    return Outcome(name, True, [1.0, 2.0, 1.5], 1.4, parts, parts)


def test_parts_read_back_and_make_one_suite_in_its_order(tmp_path: Path) -> None:
    first = Part("numpy 1/2", [outcome("c"), outcome("a")], {"repeats": 3})
    second = Part("numpy 2/2", [outcome("b")], {"repeats": 3})
    first.write(tmp_path)
    second.write(tmp_path)
    second.write(tmp_path)  # run again
    assert read_parts(tmp_path) == [first, second]
    assert [each.name for each in merged([first, second], ["a", "b", "c"])] == ["a", "b", "c"]


def test_a_case_that_is_missing_or_there_twice_is_named() -> None:
    part = Part("numpy 1/1", [outcome("a")], {})
    with pytest.raises(SystemExit, match="1 cases are in no part, such as b"):
        merged([part], ["a", "b"])
    with pytest.raises(SystemExit, match="a is in two parts"):
        merged([part, part], ["a"])


def test_what_a_machine_has_slowed_down_by_is_told_apart_from_the_rest() -> None:
    parts = {"compute": 1.0}
    outcomes = [
        Outcome(f"{backend} {k}", True, [1.0], simulated, parts, parts)
        for backend, row in (("numpy", (1.2, 1.2, 1.32, 1.08)), ("opencl", (0.9, 0.9)))
        for k, simulated in enumerate(row)
    ]
    found = common_factors(outcomes)
    assert found["numpy"] == pytest.approx((1.2, 0.05))
    assert found["opencl"] == pytest.approx((0.9, 0.0))


def test_what_reference_runs_have_slowed_down_by_is_told_beside_the_plain_error() -> None:
    parts = {"compute": 1.0}
    slowed = [
        Outcome("numpy a", True, [1.1], 1.0, parts, parts, drift=1.1),
        Outcome("numpy b", False, [1.0], 1.0, parts, parts, drift=1.1),
    ]
    assert slowed[0].error == pytest.approx(1.0 / 1.1 - 1.0)
    found = drifts(slowed)
    assert found["factors"] == {"numpy": [1.1]}
    assert (found["calibrated"], found["not calibrated"]) == pytest.approx((0.0, 0.1))
    lines = [line for line in markdown(slowed, {}) if line.startswith("Reference runs")]
    assert len(lines) == 1
    assert "numpy 1.100" in lines[0]
    assert "0.0% on shapes calibrated, 10.0% on others" in lines[0]


def test_without_reference_runs_nothing_is_said_of_drift() -> None:
    assert not any(line.startswith("Reference") for line in markdown([outcome("numpy a")], {}))


def test_no_case_to_tune_on_is_judged() -> None:
    assert not set(DEVELOPMENT) & set(PROBES)
    backends = ("numpy", "opencl")
    assert not set(suite(backends)) & set(suite(backends, development=True))
