"""Which columns the accelerator works on next: the policies.

`Gap` is DuHL's rule (Dünner et al. 2017, Alg. 2): the columns with the largest duality gap, by
size. The others are the baselines every comparison needs. A policy sees one accelerator's share of
the coordinates and proposes a `Swap`; it moves nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from hetengine.errors import UsageError
from hetengine.solvers.arena import Arena, stay_within
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.ranking import falling, rising


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class View:
    """What a policy may look at.

    Attributes
    ----------
    gaps : ndarray, shape (n,)
        Gap memory z: the last measured duality gap of each coordinate.
    lens : ndarray, shape (n,)
        Elements of each column.
    weights : ndarray, shape (n,)
        Squared norms of the columns.
    owned, resident, protected, settled, pinned : ndarray of bool, shape (n,)
        Whose coordinate it is; whether it is resident now; whether evicting it would lose a moving
        coordinate; whether its optimal value is already certified; whether it must be resident.
    free_slots, free_elements : int
        What is unused in the arena.
    arena : Arena
        Its size.
    """

    gaps: np.ndarray
    lens: np.ndarray
    weights: np.ndarray
    owned: np.ndarray
    resident: np.ndarray
    protected: np.ndarray
    settled: np.ndarray
    pinned: np.ndarray
    free_slots: int
    free_elements: int
    arena: Arena


@dataclass(frozen=True, slots=True)
class Swap:
    """Columns to bring in and columns to forget, as coordinates; how many were ranked for that."""

    incoming: np.ndarray = field(default_factory=_none)
    outgoing: np.ndarray = field(default_factory=_none)
    ranked: int = 0


class Selection(Protocol):
    """A policy: where it runs and how it chooses."""

    name: str
    where: str
    uses_gaps: bool

    def choose(self, view: View) -> Swap:
        """Propose the next swap."""
        ...


def _replace(view: View, wanted: np.ndarray) -> Swap:
    """Swap to the leading ``wanted`` coordinates that fit beside the pinned ones."""
    pinned = np.flatnonzero(view.pinned & view.owned)
    order = np.concatenate([pinned, wanted[~view.pinned[wanted]]])
    order = order[: stay_within(view.lens[order], view.arena.slots, view.arena.elements)]
    target = np.zeros(view.resident.size, bool)
    target[order] = True
    return Swap(order[~view.resident[order]], np.flatnonzero(view.resident & ~target))


def _orders(order: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether an order is one of just the wanted coordinates: accelerators come and go."""
    return order.size == np.count_nonzero(wanted) and bool(wanted[order].all())


class Gap:
    """The columns with the largest gap per element; evict the smallest, never a moving coordinate.

    The resident set grows with the number of moving coordinates, as working sets do (Johnson and
    Guestrin 2015; Massias et al. 2018): gaps measured after the first small blocks tell which
    columns matter, before the link has been spent on the others.

    Parameters
    ----------
    coverage : float
        Bring in the fewest columns that hold this share of the gap off the accelerator: columns
        with hardly any gap would spend the link on nothing.
    growth : float
        Bring in at most this many times the elements of the moving resident columns per round,
    first_share : float
        or this share of the memory, whichever is more.
    """

    name = "gap"
    where = "accelerator"
    uses_gaps = True

    def __init__(self, coverage: float, growth: float, first_share: float) -> None:
        self._coverage = coverage
        self._growth = growth
        self._first_share = first_share

    def choose(self, view: View) -> Swap:
        """Admit candidates in falling order of score while each displaces only lower scores."""
        score = (view.gaps / np.maximum(view.lens, 1)).astype(np.float32)
        candidates, ranked = self._candidates(view, score)
        if candidates.size == 0:
            return Swap()
        swap = self._admit(view, candidates, score, view.resident & ~view.protected)
        left_out = view.gaps[candidates].sum() - view.gaps[swap.incoming].sum()
        if left_out > view.gaps[view.resident].sum():
            # The moving coordinates alone overflow the memory: they have to take turns.
            swap = self._admit(view, candidates, score, view.resident & ~view.pinned)
        return replace(swap, ranked=ranked + swap.ranked)

    def _candidates(self, view: View, score: np.ndarray) -> tuple[np.ndarray, int]:
        off = view.owned & ~view.resident & ~view.settled
        ids = np.flatnonzero(off & ((view.gaps > 0) | view.pinned))
        ids = ids[falling(np.where(view.pinned[ids], np.float32(np.inf), score[ids]))]
        if ids.size == 0:
            return ids, 0
        mass = np.cumsum(view.gaps[ids])
        enough = int(np.searchsorted(mass, self._coverage * mass[-1])) + 1
        moving = int(view.lens[view.protected & view.resident].sum())
        room = max(self._growth * moving, self._first_share * view.arena.elements)
        within = int(np.searchsorted(np.cumsum(view.lens[ids]), room, side="right"))
        return ids[: max(1, min(enough, within), int(view.pinned[ids].sum()))], ids.size

    def _admit(
        self, view: View, candidates: np.ndarray, score: np.ndarray, evictable: np.ndarray
    ) -> Swap:
        victims = np.flatnonzero(evictable)
        victims = victims[rising(score[victims])]
        freed = np.concatenate([[0], np.cumsum(view.lens[victims], dtype=np.int64)])
        beaten = np.searchsorted(score[victims], score[candidates], side="left")
        beaten = np.where(view.pinned[candidates], victims.size, beaten)
        need = np.cumsum(view.lens[candidates], dtype=np.int64)
        fits = need <= view.free_elements + freed[beaten]
        fits &= np.arange(1, candidates.size + 1) <= view.free_slots + beaten
        count = candidates.size if fits.all() else int(np.argmin(fits))
        if count == 0:
            return Swap(ranked=victims.size)
        by_elements = int(np.searchsorted(freed, need[count - 1] - view.free_elements))
        evict = max(by_elements, count - view.free_slots, 0)
        return Swap(candidates[:count], victims[:evict], victims.size)


class _Blocks:
    """Base of the policies that replace the whole memory every round."""

    where = "accelerator"
    uses_gaps = False

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng


class Sequential(_Blocks):
    """One block after another through a fixed random order: plain batching."""

    name = "sequential"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._order = _none()
        self._next = 0

    def choose(self, view: View) -> Swap:
        """Take the next block, wrapping round at the end."""
        wanted = view.owned & ~view.pinned
        if not _orders(self._order, wanted):
            self._order, self._next = self._rng.permutation(np.flatnonzero(wanted)), 0
        pinned = np.flatnonzero(view.pinned & view.owned)
        turned = np.roll(self._order, -self._next)
        slots = view.arena.slots - pinned.size
        elements = view.arena.elements - int(view.lens[pinned].sum())
        count = stay_within(view.lens[turned], slots, elements)
        self._next = (self._next + count) % max(self._order.size, 1)
        return _replace(view, turned[:count])


class Random(_Blocks):
    """A fresh uniform block every round."""

    name = "random"

    def choose(self, view: View) -> Swap:
        """Draw without replacement."""
        return _replace(view, self._rng.permutation(np.flatnonzero(view.owned)))


class Importance(_Blocks):
    """A fresh block every round, drawn with probability proportional to the squared norm."""

    name = "importance"

    def choose(self, view: View) -> Swap:
        """Draw without replacement by exponential races (Efraimidis and Spirakis 2006)."""
        ids = np.flatnonzero(view.owned)
        weights = view.weights[ids]
        # Coordinates of empty columns have an optimum as well: they count like the shortest column.
        least = weights[weights > 0].min(initial=np.inf)
        weights = np.where(weights > 0, weights, least if np.isfinite(least) else 1.0)
        arrival = self._rng.exponential(size=ids.size) / weights
        return _replace(view, ids[np.argsort(arrival, kind="stable")])


class All:
    """Everything resident from the first round on: the upper bound for any selection."""

    name = "all"
    where = "accelerator"
    uses_gaps = False

    def choose(self, view: View) -> Swap:
        """Bring in everything.

        Raises
        ------
        UsageError
            If it does not fit.
        """
        wanted = np.flatnonzero(view.owned & ~view.resident)
        fit = stay_within(view.lens[wanted], view.free_slots, view.free_elements)
        if fit < wanted.size:
            raise UsageError(
                f"solver.selection=all needs {wanted.size:,} columns resident, {fit:,} fit; raise "
                "memory_fraction or choose solver.selection=gap"
            )
        return Swap(wanted)


class Host:
    """No accelerator: the host descends on all columns where they lie."""

    name = "host"
    where = "host"
    uses_gaps = False

    def choose(self, view: View) -> Swap:
        """Move nothing."""
        return Swap()


class Rotating:
    """Stand-in for value-driven policies where there are no values (``mode=dry``).

    Replaces a stated share of the resident columns each round, in a fixed random order.

    Parameters
    ----------
    policy : Selection
        The policy it stands for; gives the name.
    share : float
        Part of the arena replaced per round.
    rng : numpy.random.Generator
        Draws the order.
    """

    where = "accelerator"

    def __init__(self, policy: Selection, share: float, rng: np.random.Generator) -> None:
        self.name = policy.name
        self.uses_gaps = policy.uses_gaps
        self._share = share
        self._rng = rng
        self._order = _none()

    def choose(self, view: View) -> Swap:
        """Fill the memory first, then rotate."""
        if not _orders(self._order, view.owned):
            self._order = self._rng.permutation(np.flatnonzero(view.owned))
        if not view.resident.any():
            return _replace(view, self._order)
        residents = self._order[view.resident[self._order]]
        others = self._order[~view.resident[self._order]]
        count = min(int(self._share * residents.size), others.size)
        self._order = np.concatenate([others[count:], residents, others[:count]])
        return _replace(view, np.concatenate([others[:count], residents[count:]]))


def make_selection(config: DuhlConfig, rng: np.random.Generator) -> Selection:
    """Return the policy a config names.

    Parameters
    ----------
    config : DuhlConfig
        Checked settings.
    rng : numpy.random.Generator
        Draws blocks, for the policies that do.
    """
    blocks = {"sequential": Sequential, "random": Random, "importance": Importance}
    if config.selection in blocks:
        return blocks[config.selection](rng)
    if config.selection == "gap":
        return Gap(config.coverage, config.growth, config.first_share)
    return All() if config.selection == "all" else Host()
