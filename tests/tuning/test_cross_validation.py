"""Cross-validation against the same loop over scikit-learn's models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import LinearSVC

import hetengine
from hetengine.errors import DataError, DeviceFailure, OutOfCapacity, UsageError

ROWS, FEATURES, FOLDS = 150, 12, 4


def make_data(classes: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((ROWS, FEATURES))
    y = X[:, 0] - X[:, 1] + 0.5 * X[:, 2] + rng.standard_normal(ROWS)
    return X, np.where(y > 0.5, 1.0, -1.0) if classes else y


def test_lasso_scores_are_those_of_a_loop_over_scikit_learn() -> None:
    X, y = make_data()
    found = hetengine.cross_validate(X, y, folds=FOLDS, seed=5, points=8, ratio=0.01, tol=1e-9)
    scores = np.empty((FOLDS, 8))
    for k, (train, test) in enumerate(KFold(FOLDS, shuffle=True, random_state=5).split(X)):
        for j, lam in enumerate(found.lams):
            peer = Lasso(lam, fit_intercept=False, tol=1e-10, max_iter=100_000)
            peer.fit(X[train], y[train])
            scores[k, j] = mean_squared_error(y[test], peer.predict(X[test]))
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5)
    assert found.best == scores.mean(axis=0).argmin()
    assert found.score == "mse"
    refitted = Lasso(found.lam, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(found.w, refitted.coef_, atol=1e-5)
    np.testing.assert_allclose(found.predict(X), X @ found.w)


@pytest.mark.parametrize(("problem", "score"), [("logistic", "log_loss"), ("svm", "accuracy")])
def test_classifiers_are_chosen_as_a_loop_over_scikit_learn_would(problem: str, score: str) -> None:
    X, y = make_data(classes=True)
    Cs = [0.001, 0.01, 0.1, 1.0]
    found = hetengine.cross_validate(X, y, problem, folds=FOLDS, seed=2, Cs=Cs, tol=1e-8)
    assert found.score == score
    scores = np.empty((FOLDS, len(Cs)))
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=2).split(X, y)
    for k, (train, test) in enumerate(splits):
        for j, C in enumerate(found.Cs):
            if problem == "logistic":
                model = LogisticRegression(C=C, fit_intercept=False, tol=1e-9, max_iter=10_000)
                model.fit(X[train], y[train])
                scores[k, j] = log_loss(y[test], model.predict_proba(X[test]))
            else:
                machine = LinearSVC(
                    C=C, loss="hinge", fit_intercept=False, tol=1e-8, max_iter=1_000_000
                )
                scores[k, j] = machine.fit(X[train], y[train]).score(X[test], y[test])
    np.testing.assert_allclose(found.scores, scores, rtol=1e-3, atol=1e-9)
    mean = scores.mean(axis=0)
    assert found.best == (mean.argmax() if score == "accuracy" else mean.argmin())


def test_one_standard_error_prefers_the_stronger_penalty() -> None:
    X, y = make_data()
    found = hetengine.cross_validate(X, y, points=15, rule="one_se")
    assert found.best is not None
    assert found.one_se is not None
    error = found.scores[:, found.best].std(ddof=1) / np.sqrt(5)
    limit = found.score_mean[found.best] + error
    assert found.one_se == np.flatnonzero(found.score_mean <= limit)[0]
    assert found.chosen == found.one_se < found.best
    assert found.n_nonzero[found.one_se] <= found.n_nonzero[found.best]


def test_given_folds_are_used_as_they_are() -> None:
    X, y = make_data()
    halves = [(np.arange(75), np.arange(75, ROWS)), (np.arange(ROWS) >= 75, np.arange(ROWS) < 75)]
    found = hetengine.cross_validate(X, y, folds=halves, lams=[0.1], tol=1e-9)
    model = hetengine.fit(X[:75], y[:75], "lasso", lam=0.1, tol=1e-9)
    expected = mean_squared_error(y[75:], model.predict(X[75:]))
    assert found.scores.shape == (2, 1)
    assert found.scores[0, 0] == pytest.approx(expected, rel=1e-6)


def test_weights_count_on_the_part_held_out_too() -> None:
    X, y = make_data()
    weights = np.ones(ROWS)
    weights[:75] = 0.0
    halves = [(np.arange(75, ROWS), np.arange(ROWS))] * 2
    found = hetengine.cross_validate(X, y, folds=halves, lams=[0.05], sample_weight=weights)
    part = hetengine.fit(X[75:], y[75:], "lasso", lam=0.05)
    expected = mean_squared_error(y[75:], part.predict(X[75:]))
    assert found.scores[0, 0] == pytest.approx(expected, rel=1e-3)


def test_it_goes_the_same_way_on_capped_accelerators() -> None:
    X, y = make_data()
    words = ["memory_fraction=0.5", "mode=simulate", "solver.selection=gap", "solver.refresh=0.3"]
    options = {"points": 5, "ratio": 0.01, "tol": 1e-7, "folds": 3}
    one = hetengine.cross_validate(X, y, **options)
    other = hetengine.cross_validate(X, y, topology="cpu_limited", overrides=words, **options)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-3)
    assert one.best == other.best


def test_out_of_time_it_keeps_the_path_and_the_folds_it_has() -> None:
    X, y = make_data()
    words = ["mode=simulate", "memory_fraction=0.5", "solver.selection=gap", "solver.refresh=0.3"]
    options = {"points": 4, "ratio": 0.1, "tol": 1e-3, "folds": 3, "topology": "cpu_limited"}
    path = hetengine.cross_validate(X, y, overrides=words, **options)
    limit = path.metrics[-1].seconds_total * 1.5
    cut = hetengine.cross_validate(X, y, overrides=[*words, f"max_seconds={limit}"], **options)
    assert cut.status == "max_seconds"
    assert cut.points == 4
    assert np.isnan(cut.scores[-1]).all()
    assert cut.best is None
    with pytest.raises(UsageError, match="no point has been scored on every fold"):
        cut.predict(X)


def test_too_many_folds_are_refused() -> None:
    X, y = make_data(classes=True)
    y[y > 0] = -1.0
    y[:3] = 1.0
    with pytest.raises(UsageError, match="3 rows of class 1"):
        hetengine.cross_validate(X, y, "svm", folds=5, points=2)
    with pytest.raises(UsageError, match="more than the 150 rows"):
        hetengine.cross_validate(X, X[:, 0], folds=200, points=2)
    with pytest.raises(UsageError, match=r"cv\.folds=1"):
        hetengine.cross_validate(X, X[:, 0], folds=1)
    with pytest.raises(UsageError, match=r"cv\.score='mae'; .*mse"):
        hetengine.cross_validate(X, X[:, 0], score="mae")
    with pytest.raises(UsageError, match=r"cv\.score=log_loss does not fit svm"):
        hetengine.cross_validate(X, y, "svm", score="log_loss")


@pytest.mark.parametrize("folds", [[([0, 1], [2])], [([0, 1], [150]), ([2], [3])], [([], [1])] * 2])
def test_folds_that_are_no_row_numbers_are_refused(folds: list) -> None:
    X, y = make_data()
    with pytest.raises(DataError, match="folds"):
        hetengine.cross_validate(X, y, folds=folds, points=2)


@pytest.mark.parametrize("folds", [[1, 2], [(1, 2, 3)] * 2])
def test_folds_that_are_no_pairs_are_refused(folds: list) -> None:
    X, y = make_data()
    with pytest.raises(DataError, match="is no pair; give row numbers"):
        hetengine.cross_validate(X, y, folds=folds, points=2)


def diabetes_words(*words: str) -> list[str]:
    return ["problem=lasso", "path.points=2", "path.ratio=0.5", "mode=simulate", *words]


def test_a_fold_that_has_no_room_is_found_before_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def walked(*_: object) -> None:
        raise AssertionError("the path was followed first")

    monkeypatch.setattr("hetengine.tuning.cross_validation.walk", walked)
    words = diabetes_words("data=diabetes", "cv.folds=3", "progress=none")
    with pytest.raises(OutOfCapacity, match=r"^cv: without a fold, 294 rows are left: .*topology="):
        hetengine.run(words)


def test_a_fold_that_fails_keeps_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = make_data()

    def failing(*_: object) -> None:
        raise DeviceFailure("the card is gone")

    monkeypatch.setattr("hetengine.tuning.cross_validation.follow", failing)
    found = hetengine.cross_validate(X, y, folds=3, points=3, ratio=0.1)
    assert (found.status, found.error, found.points) == ("failed", "fold 1: the card is gone", 3)
    assert found.best is None
