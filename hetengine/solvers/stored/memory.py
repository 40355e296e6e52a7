"""The gap memory of columns on disk, and how the host's tier is kept.

Beside the last measured product of each coordinate it holds how far that may be off by now, and
reads what is in doubt. What has landed competes for the host's tier by the gap it may soon have.
"""

from __future__ import annotations

import numpy as np
import simpy
from numpy.typing import NDArray

from hetengine.problems import CoordinateProblem
from hetengine.solvers.gap_memory import GapMemory
from hetengine.solvers.state import State
from hetengine.solvers.stored.columns import StoredHost
from hetengine.solvers.stored.drift import Drift
from hetengine.solvers.stored.landing import Area
from hetengine.solvers.stored.rivals import Rivals
from hetengine.solvers.stored.survey import Survey, survey
from hetengine.solvers.worker import Process
from hetengine.store.plan import Piece

Ids = NDArray[np.int64]
Vector = NDArray[np.float64]


class StoredMemory(GapMemory):
    """Last measured product and gap of every coordinate, and what they still tell.

    Parameters
    ----------
    columns : StoredHost
        The data.
    problem : CoordinateProblem
        What is solved.

    Attributes
    ----------
    drift : Drift
        How far products may have moved.
    """

    def __init__(self, columns: StoredHost, problem: CoordinateProblem) -> None:
        super().__init__(columns)
        self._stored = columns
        self._problem = problem
        self.drift = Drift(np.zeros(problem.count), problem.w0)

    def start(self, state: State) -> simpy.Event:
        """Know the products at ``w = w0`` without reading a column: the store's header has them."""
        problem = self._problem
        self.drift = Drift(np.sqrt(state.square_norms), state.w)

        def know() -> None:
            self.u[:] = problem.columns.dot(problem.w0)
            self.gaps[:] = problem.scores(state.alpha, self.u, problem.bound(state.objective))

        return self._stored.run("start", know, state.alpha.size, "prepare")

    def look(self, state: State) -> simpy.Event:
        """Survey all coordinates, on the host's queue; the event's value is a `Survey`."""
        drift = self.drift

        def view() -> Survey:
            reach, ahead = drift.reach(), drift.ahead(fresh=False)
            return survey(self._problem, state, self.u, reach, ahead, self._stored.lens)

        return self._stored.consider("survey", view, 8 * state.alpha.size)

    def fetch(self, wanted: Ids, look: Survey) -> Process:
        """Read columns into the tier that are not there, whatever has to give way."""
        tier = self._stored.tier
        missing = np.sort(wanted[~tier.mask[wanted]])
        if missing.size == 0:
            return
        others = tier.mask.copy()
        others[wanted] = False
        rivals = Rivals(np.flatnonzero(others), look.score)

        def digest(piece: Piece, area: Area) -> Process:
            mine = missing[np.isin(missing, piece.columns)]
            self._admit(rivals, mine, np.full(mine.size, np.inf), piece, area, "swap")
            return
            yield

        yield from self._stored.stream(missing, "swap", digest)

    def scan(self, ids: Ids, state: State, category: str, until: simpy.Event | None) -> Process:
        """Measure columns of the tier against ``drift.latest``, chunk by chunk.

        Parameters
        ----------
        ids : ndarray of int64
            Columns in the tier; none is evicted meanwhile.
        state : State
            With the present alpha.
        category : str
            Phase it is accounted under.
        until : Event or None
            Ends it once it has fired.
        """
        bound = self._problem.bound(state.objective)
        for first in range(0, ids.size, self.chunk):
            if until is not None and until.triggered:
                return
            part = ids[first : first + self.chunk]
            part = part[self._stored.tier.mask[part]]
            yield self._stored.gaps(
                part, self.drift.latest, state.alpha, bound, self.u, self.gaps, category
            )
            self._note(part)

    def read(
        self,
        ids: Ids,
        state: State,
        look: Survey,
        category: str,
        staying: Ids,
        until: simpy.Event | None = None,
    ) -> Process:
        """Measure columns on disk against ``drift.latest``; the best of them stay in the tier.

        Parameters
        ----------
        ids : ndarray of int64
            By urgency.
        state : State
            With the present alpha.
        look : Survey
            Says who is in the tier with what score.
        category : str
            Phase it is accounted under.
        staying : ndarray of int64
            Columns of the tier that may not be evicted.
        until : Event, optional
            Ends it once it has fired.
        """
        stored, bound = self._stored, self._problem.bound(state.objective)
        others = stored.tier.mask.copy()
        others[staying] = False
        rivals = Rivals(np.flatnonzero(others), look.score)

        def digest(piece: Piece, area: Area) -> Process:
            columns, frozen = piece.columns, (self.drift.latest, state.alpha, bound)
            before = self.u[columns]
            yield stored.landed_gaps(piece, area, frozen, (self.u, self.gaps), category)
            self.drift.learn(columns, self.u[columns] - before)
            self._note(columns)
            comers = columns[~stored.tier.mask[columns]]
            ahead = self.drift.ahead(comers, fresh=True)
            fresh = survey(self._problem, state, self.u, 0.0 * ahead, ahead, stored.lens, comers)
            worth = fresh.score > 0.0
            self._admit(rivals, comers[worth], fresh.score[worth], piece, area, category)

        yield from stored.stream(ids, category, digest, until)

    def _note(self, columns: Ids) -> None:
        self.drift.measured(columns)
        self.refreshed += columns.size

    def _admit(
        self, rivals: Rivals, comers: Ids, scores: Vector, piece: Piece, area: Area, category: str
    ) -> None:
        """Let the best of some landed columns into the tier."""
        residency = self._stored.tier.residency
        arena = residency.arena
        free = (arena.slots - residency.count, arena.elements - residency.used_elements)
        admitted, evicted = rivals.beaten(self._stored.lens, comers, scores, *free)
        if admitted.size:
            residency.evict(evicted)
            self._stored.admit(admitted, piece, area, category)
