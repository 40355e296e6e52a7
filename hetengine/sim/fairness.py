"""Max-min fair rates of flows that cross shared capacity constraints.

Progressive filling: all rates rise together until a constraint is full, the flows through it stop
there, the others go on. The result is the one allocation in which no flow can get more without
taking from one that has no more than it (Bertsekas and Gallager, *Data Networks*, 6.5.2).
"""

from __future__ import annotations

from collections.abc import Sequence

Demand = tuple[int, Sequence[int]]
"""How many equal flows there are, and the constraints each crosses (twice if it crosses twice)."""


def fair_rates(demands: Sequence[Demand], capacities: Sequence[float]) -> list[float]:
    """Share capacities max-min fairly.

    Parameters
    ----------
    demands : sequence of (int, sequence of int)
        Groups of flows with the same route: the number of flows, at least 1, and the indices into
        ``capacities`` of the constraints each of them crosses, at least one.
    capacities : sequence of float
        Capacity of each constraint, in bytes per second, greater than 0.

    Returns
    -------
    list of float
        Bytes per second of *one* flow of each group; always greater than 0.

    Examples
    --------
    Two flows share the first link, one of them goes on over a narrower second one:

    >>> fair_rates([(1, [0]), (1, [0, 1])], [100.0, 20.0])
    [80.0, 20.0]
    """
    if len(demands) == 1:
        return [_single(*demands[0], capacities)]
    left: dict[int, float] = {}
    load: dict[int, int] = {}
    for count, route in demands:
        for constraint in route:
            left[constraint] = capacities[constraint]
            load[constraint] = load.get(constraint, 0) + count
    rates = [0.0] * len(demands)
    waiting = list(range(len(demands)))
    level = 0.0
    while waiting:
        share, full = min((left[k] / load[k], k) for k in load if load[k])
        # Levels only rise; rounding must not lower one, let alone to zero.
        level = max(level, share)
        for group in [g for g in waiting if full in demands[g][1]]:
            waiting.remove(group)
            rates[group] = level
            count, route = demands[group]
            for constraint in route:
                left[constraint] -= count * level
                load[constraint] -= count
    return rates


def _single(count: int, route: Sequence[int], capacities: Sequence[float]) -> float:
    """Rate where all flows take one route: the narrowest constraint, shared equally."""
    if len(route) == len(set(route)):
        return min(capacities[k] for k in route) / count
    return min(capacities[k] / (count * route.count(k)) for k in route)
