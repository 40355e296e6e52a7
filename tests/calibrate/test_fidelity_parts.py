"""The suite of benchmarks/fidelity measured in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fidelity.cases import DEVELOPMENT, PROBES, suite
from benchmarks.fidelity.parts import Part, merged, read_parts
from benchmarks.fidelity.score import Outcome, common_factors, markdown, totals
from hetengine.calibrate.probes import SHAPES, Shape, plan
from hetengine.calibrate.references import references_of
from hetengine.calibrate.spec import Refresh


def outcome(name: str) -> Outcome:
    parts = {"compute": 1.0, "idle": 0.5}
    return Outcome(name, True, [1.0, 2.0, 1.5], 1.4, 1.3, parts, parts)


def test_parts_read_back_and_make_one_suite_in_its_order(tmp_path: Path) -> None:
    first = Part("numpy 1/2", [outcome("c"), outcome("a")], {"repeats": 3})
    refreshes = {"numpy": Refresh("2026-11-21", {"links.bus": [1.1, 1.0, 1.2]})}
    second = Part("numpy 2/2", [outcome("b")], {"repeats": 3}, refreshes)
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
        Outcome(f"{backend} {k}", True, [1.0], simulated, 1.0, parts, parts)
        for backend, row in (("numpy", (1.2, 1.2, 1.32, 1.08)), ("opencl", (0.9, 0.9)))
        for k, simulated in enumerate(row)
    ]
    found = common_factors(outcomes)
    assert found["numpy"] == pytest.approx((1.2, 0.05))
    assert found["opencl"] == pytest.approx((0.9, 0.0))


def test_the_error_without_a_refresh_stands_beside_it() -> None:
    parts = {"compute": 1.0}
    slowed = [
        Outcome("numpy a", True, [1.1], 1.1, 1.0, parts, parts),
        Outcome("numpy b", False, [2.0], 1.9, 2.2, parts, parts),
    ]
    found = totals(slowed)
    assert found["calibrated"]["median_error"] == pytest.approx(0.0)
    assert found["not calibrated"]["median_error"] == pytest.approx(0.05)
    plain = found["without_refresh"]
    assert plain["calibrated"]["median_error"] == pytest.approx(0.1 / 1.1)
    assert plain["not calibrated"]["median_error"] == pytest.approx(0.1)
    text = "\n".join(markdown(slowed, {}))
    assert "| shapes calibrated | 1 | 0.0% | 0.0% | <= 5% | yes | 9.1% | 9.1% |" in text
    assert "| numpy b | no | 2.000 s | one run | 1.900 s | -5.0% | +10.0% |" in text


def test_no_run_that_calibrates_or_refreshes_is_a_case() -> None:
    assert not set(plan()) & {*PROBES, *DEVELOPMENT}


def test_no_reference_run_has_a_shape_that_was_not_calibrated() -> None:
    shapes = {Shape(each.rows, each.columns, each.density) for each in references_of(plan())}
    assert shapes == set(SHAPES)
    assert not shapes & {case.probe.shape for case in suite(("numpy",)) if not case.calibrated}


def test_no_case_to_tune_on_is_judged() -> None:
    assert not set(DEVELOPMENT) & set(PROBES)
    backends = ("numpy", "opencl")
    assert not set(suite(backends)) & set(suite(backends, development=True))
