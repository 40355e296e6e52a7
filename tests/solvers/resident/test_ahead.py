"""Points found for later strengths in the pass for the present one, and rounds as one launch."""

from __future__ import annotations

import numpy as np
import pytest

import hetengine
from hetengine.solvers.resident import rows as resident_rows
from hetengine.solvers.resident.rows import Rows
from tests.solvers.resident.harness import PROBLEMS, build, make_data, solve

LAMS = list(np.geomspace(1.0, 0.05, 12))


def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often passes over all rows for one and for several models are launched."""
    counts = {"rows_slopes": 0, "rows_several": 0}
    launch = Rows._launch

    def noted(self, kernel, args, work, category):
        if kernel.name in counts:
            counts[kernel.name] += 1
        return launch(self, kernel, args, work, category)

    monkeypatch.setattr(Rows, "_launch", noted)
    return counts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("intercept", [False, True])
def test_one_pass_serves_several_points(
    dtype: type, intercept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = make_data("lasso", 300, 60)
    counts = counted(monkeypatch)
    found = hetengine.path(
        X.astype(dtype), y, "lasso", lams=LAMS, tol=1e-5, intercept=intercept
    )  # fmt: skip
    assert found.converged
    assert counts["rows_several"] > 0
    assert sum(counts.values()) < len(LAMS)
    for lam, coef in zip(found.lams, found.coefs, strict=True):
        cold = hetengine.fit(X, y, "lasso", lam=lam, tol=1e-9, intercept=intercept)
        np.testing.assert_allclose(coef, cold.w, atol=2e-2 * np.abs(cold.w).max(initial=1.0))


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
def test_together_or_one_by_one_gives_the_same_bits(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = build(name, make_data(name), dtype=np.float32)
    together = solve(problem, tol=1e-6)
    assert any(span.label == "rows_together" for span in together.recorder.spans)
    monkeypatch.setattr(resident_rows, "_SMALL_ENTRIES", 0)
    alone = solve(problem, tol=1e-6)
    assert not any(span.label == "rows_together" for span in alone.recorder.spans)
    assert alone.outcome.alpha.tobytes() == together.outcome.alpha.tobytes()
    assert alone.outcome.w.tobytes() == together.outcome.w.tobytes()


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_solver_can_be_told_what_comes(name: str) -> None:
    X, y = make_data(name, 120)
    lams = [0.3, 0.2, 0.1]
    assert hetengine.path(X, y, name, lams=lams, tol=1e-3).converged


def test_a_launch_of_several_says_what_it_has_to_do() -> None:
    spans = solve(build("lasso", make_data("lasso"))).recorder.spans
    bundles = [span for span in spans if span.label == "rows_together"]
    assert all(span.work.nbytes > 0 and span.work.flops > 0 for span in bundles)
