"""The same problem with another strength of the penalty, over the same data."""

from __future__ import annotations

from dataclasses import replace

from hetengine.problems.problem import CoordinateProblem


def at_strength(problem: CoordinateProblem, lam: float) -> CoordinateProblem:
    """Return a problem that differs in lambda alone; the matrix is shared.

    A solution of one is a feasible start for the other: bounds of dual coordinates do not depend on
    lambda, and the shared vector of the same alpha is unchanged on the primal side and grows by
    ``problem.lam / lam`` on the dual side.

    Parameters
    ----------
    problem : CoordinateProblem
    lam : float
        Regularisation strength, greater than 0.

    Returns
    -------
    CoordinateProblem
    """
    if problem.side == "dual":
        return replace(problem, lam=lam, smoothness=1 / lam)
    l1, l2 = (lam * (part / problem.lam) for part in (problem.l1, problem.l2))
    p, q = problem.p.copy(), problem.q.copy()
    p[p > 0], q[q > 0] = l1, l2
    return replace(problem, lam=lam, l1=l1, l2=l2, p=p, q=q)
