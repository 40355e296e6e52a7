"""The ``hetengine path`` command: a run with a path, and everything else as for any run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hetengine.tuning.words import completed

USAGE = """hetengine path [KEY=VALUE ...]: train for falling strengths of the penalty.

Every point is solved from the solution of the one before, on a machine that keeps its data where
they are, and has a certificate of its own. All other keys and flags are those of a run.

path.points=100     strengths, geometric from lambda_max
path.ratio=1e-3     down to this share of it
path.lams=[...]     or these, in units of the mean loss
path.Cs=[...]       or, for classifiers, C = 1 / (rows lam)
cv.folds=5          cross-validate all points, and choose one
cv.score=auto       mse | accuracy | log_loss
cv.rule=best        best | one_se: strongest penalty within one standard error of the best

Files: path.csv (a row per point), model.npz, summary.json, config.yaml, trace.json. A path that is
stopped (Ctrl-C, max_seconds) keeps the points it has.

  hetengine path problem=lasso data=diabetes path.points=50 tol=1e-6
  hetengine path problem=logistic data=adult cv.folds=5 path.points=20
  hetengine path problem=svm 'path.Cs=[0.01,0.1,1,10]' topology=cpu_limited mode=simulate
"""


def main(words: Sequence[str]) -> int:
    """Follow a path.

    Parameters
    ----------
    words : sequence of str
        Overrides and flags.

    Returns
    -------
    int
        0 if every point converged, 3 if one did not or the path was cut short by a limit, 2 for
        wrong use, 1 for a failure, 130 if it was interrupted.
    """
    if "--help" in words or "-h" in words:
        sys.stdout.write(USAGE)
        return 0
    from hetengine import cli

    return cli.main(completed(words, path=True))
