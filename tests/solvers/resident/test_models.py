"""Models of a sample of the examples, and of all: made in passing, given up, and exact."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import certify
from hetengine.solvers.resident import models, rows, steps
from hetengine.solvers.resident.model import Model
from hetengine.solvers.resident.models import Models
from hetengine.solvers.resident.point import evaluate
from tests.solvers.resident.harness import Run, build, make_data, solve


@pytest.fixture(autouse=True)
def _sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_WHOLE_ENTRIES", 0)
    monkeypatch.setattr(models, "_SAMPLE_ROWS", 512)
    monkeypatch.setattr(models, "_PANEL_SHARE", 0.9)
    monkeypatch.setattr(models, "_LEFT", -1e6)
    monkeypatch.setattr(rows, "_SMALL_ENTRIES", 0)  # launches one by one


def run(name: str = "lasso", dtype: type = np.float32, tol: float = 1e-6, **options) -> Run:
    data = make_data(name, rows=5000, features=60)
    return solve(build(name, data, dtype=dtype, **options), tol=tol)


def labels(found: Run) -> list[str]:
    return [span.label for span in found.recorder.spans]


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("intercept", [False, True], ids=["plain", "intercept"])
def test_an_exact_model_made_in_passing_ends_a_run_soon(
    name: str, dtype: type, intercept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = run(name, dtype, intercept=intercept)
    assert quick.outcome.status == "converged"
    assert labels(quick).count("rows_slopes_gather") == 1
    monkeypatch.setattr(models, "_LEFT", 1e6)  # never worth it
    slow = run(name, dtype, intercept=intercept)
    assert "rows_slopes_gather" not in labels(slow)
    assert slow.outcome.rounds >= quick.outcome.rounds + (name == "lasso")
    assert quick.outcome.certificate.objective == pytest.approx(
        slow.outcome.certificate.objective, rel=2e-6
    )


def test_the_model_made_in_passing_is_the_hessian(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Model] = []
    adopt = Models.adopt

    def watched(self, panel):
        yield from adopt(self, panel)
        made.append(self.current)

    monkeypatch.setattr(Models, "adopt", watched)
    run("lasso", np.float64, intercept=True)
    X, _ = make_data("lasso", rows=5000, features=60)
    ids = made[0].features
    centred = X[:, ids] - X[:, ids].mean(axis=0)
    found = made[0].gram[: ids.size, : ids.size]
    assert found == pytest.approx(centred.T @ centred / 5000, abs=1e-10)


def test_what_a_model_does_not_know_joins_it_or_a_sample_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The support is larger than an exact model may be, but its first features are not."""
    monkeypatch.setattr(models, "_PANEL_SHARE", 0.4)
    monkeypatch.setattr(models, "_ROOM", 1.0)
    monkeypatch.setattr(steps, "_demanded", lambda *_: np.arange(20))
    narrowed: list[int] = []
    narrow = Models.narrow

    def watched(self, support):
        narrowed.append(support.size)
        yield from narrow(self, support)

    monkeypatch.setattr(Models, "narrow", watched)
    found = run(lam=0.002, tol=1e-5)
    assert found.outcome.status == "converged"
    assert narrowed
    assert labels(found).count("rows_slopes_gather") == 1


@pytest.mark.parametrize("tol", [1e-6, 1e-8])
def test_float32_rows_prove_small_gaps_with_few_exact_passes(tol: float) -> None:
    problem = build("lasso", make_data("lasso", 5000, 60), dtype=np.float32)
    outcome = solve(problem, tol=tol).outcome
    assert outcome.status == "converged"
    w, u = outcome.w, problem.columns.dot(outcome.w)
    true = certify(problem, outcome.alpha, w, u, problem.shared_vector(outcome.alpha))
    assert true.relative_gap <= 1.5 * tol


@pytest.mark.parametrize(
    ("tol", "offset", "rough"), [(1e-2, 0.0, True), (3e-5, 30.0, False), (1e-6, 0.0, False)]
)
def test_large_steps_are_rounded_where_the_tolerance_hides_it(
    tol: float, offset: float, rough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def watched(rows, runs, coef, base=None, exact=False, rough=False, panel=None):
        if runs.size == rows.runs.size:
            seen.append(rough)
        return (yield from evaluate(rows, runs, coef, base, exact, rough, panel))

    monkeypatch.setattr(steps, "evaluate", watched)
    X, y = make_data("lasso", rows=5000, features=60)
    found = solve(
        build("lasso", (X + offset, y), dtype=np.float32, intercept=True), tol=tol, max_rounds=3
    )
    assert seen[0] is rough
    assert np.isfinite(found.outcome.certificate.objective)
