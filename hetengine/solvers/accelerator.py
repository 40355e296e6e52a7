"""A worker whose memory holds some of the columns, filled by shipments from the host.

A shipment is one contiguous block of bytes: the columns and, per column, its slot and state. It is
packed on the host, crosses the link in one transfer and is unpacked on the device. Two staging
areas on each side let one shipment travel while the last is unpacked and the next is packed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from hetengine.device import Buffer, Device, Event
from hetengine.solvers.arena import STAGING_AREAS, Arena
from hetengine.solvers.columns import HostColumns
from hetengine.solvers.residency import Residency
from hetengine.solvers.selection import Swap
from hetengine.solvers.work import move_work, reading
from hetengine.solvers.worker import STATE, Process, Worker

_SECTION_TYPES = {"slots": np.int32, "starts": np.int64, "lens": np.int32, "indices": np.uint32}
_PULLED = ("w", "alpha", "gap")
_RESTATED = ("h", "p", "q")
_PADDING_BYTES = 6 * 256
_SLOT_BYTES = 16  # slot, start and length
_AHEAD = 2 * STAGING_AREAS


@dataclass(frozen=True, slots=True)
class _Shipment:
    """Columns that travel together, as part of the incoming ones.

    What moves them takes half the time where they are neighbours: the shares say among which part
    of all columns, and of all slots, they lie.
    """

    part: slice
    elements: int
    source_share: float
    target_share: float


def _within(places: np.ndarray, cuts: list[int], count: int) -> list[float]:
    """Return among which part of all places those of each stretch lie."""
    first, last = np.minimum.reduceat(places, cuts), np.maximum.reduceat(places, cuts)
    return ((last - first + 1.0) / count).tolist()


class Accelerator(Worker):
    """Descend on the resident columns of one accelerator.

    Parameters
    ----------
    device : Device
        The accelerator.
    arena : Arena
        How its memory is divided.
    columns : HostColumns
        Where shipments come from.
    seed : int
        Seeds the order of the epochs.

    Raises
    ------
    OutOfCapacity
        If the arena does not fit the device.
    """

    def __init__(self, device: Device, arena: Arena, columns: HostColumns, seed: int) -> None:
        super().__init__(device, columns.problem, arena.slots, seed)
        self.arena = arena
        self.residency = Residency(arena, columns.lens)
        self._host = columns
        self.columns = self._alloc_columns()
        host = columns.host
        areas = range(STAGING_AREAS)
        self._staging = [device.alloc(f"staging{k}", arena.staging_bytes, np.uint8) for k in areas]
        label = f"{device.name}.staging"
        self._packing = [host.alloc(f"{label}{k}", arena.staging_bytes, np.uint8) for k in areas]
        self._pulled = {
            name: host.alloc(f"{device.name}.{name}", self._local(name).shape, self.real)
            for name in _PULLED
        }
        self._pushed = {
            name: host.alloc(f"{device.name}.push.{name}", self._local(name).shape, self.real)
            for name in ("w", "alpha")
        }
        self._label_bytes = 4 * self.real.itemsize + _SLOT_BYTES
        self._order = host.alloc(f"{device.name}.order", arena.slots, np.int32)
        for each in (*self._packing, *self._pulled.values(), *self._pushed.values(), self._order):
            device.pin(each)
        self._restated: dict[str, Buffer] = {}
        self._ordered = np.empty(0, np.int32)
        layout = "sparse" if arena.sparse else "dense"
        self._unpack = device.load(f"{layout}_unpack")
        self._compact = device.load("sparse_compact") if arena.sparse else None

    def _alloc_columns(self) -> tuple[Buffer, ...]:
        arena, device = self.arena, self.device
        if not arena.sparse:
            return (device.alloc("columns", (arena.slots, self.problem.columns.length), self.real),)
        return (
            device.alloc("columns", arena.elements, self.real),
            device.alloc("indices", arena.elements, np.uint32),
            device.alloc("starts", arena.slots, np.int64),
            device.alloc("lens", arena.slots, np.int32),
        )

    def _local(self, name: str) -> Buffer:
        return self.w if name == "w" else self.state[name]

    @property
    def resident(self) -> np.ndarray:
        """Whether each coordinate's column is in this memory."""
        return self.residency.mask

    @property
    def placement(self) -> tuple[np.ndarray, np.ndarray]:
        """Resident coordinates and their slots."""
        slots = self.residency.slots
        return self.residency.coordinate_of[slots], slots

    @property
    def results(self) -> dict[str, np.ndarray]:
        """Host copies of what was pulled."""
        return {name: buffer.array for name, buffer in self._pulled.items()}

    def prepare(self) -> Process:
        """Build the kernels with launches that touch nothing."""
        none, nothing = np.empty(0, np.int64), np.empty(0)
        labels = self._labels(none, none, none, nothing, nothing)
        yield self._ship(none, _Shipment(slice(0), 0, 0.0, 0.0), labels, [])
        if self._compact is not None:
            yield self._launch_compact(0)
        yield self.epoch(0, 1.0, 0.0)

    def begin(self, h: np.ndarray) -> Process:
        """Do nothing: state arrives with the columns."""
        return
        yield

    def restate(self, h: np.ndarray) -> Process:
        """Send what the residents' slots hold beside alpha; their columns stay."""
        ids, slots = self.placement
        terms = dict(zip(_RESTATED, (h, self.problem.p, self.problem.q), strict=True))
        for name in () if self._restated else _RESTATED:
            label = f"{self.device.name}.push.{name}"
            self._restated[name] = self._host.host.alloc(label, self.arena.slots, self.real)
            self.device.pin(self._restated[name])

        def write() -> None:
            for name, values in terms.items():
                self._restated[name].array[slots] = values[ids]

        written = self._host.run("restate", write, len(terms) * slots.size, "restate")
        for name, source in self._restated.items():
            copied = self.device.copy(self.state[name], source, after=[written], category="restate")
            yield self.watch(copied)

    def forget(self) -> None:
        """Take it that nothing is resident any more."""
        super().forget()
        self.residency = Residency(self.arena, self._host.lens)
        self._ordered = np.empty(0, np.int32)
        self.count = self.elements = 0

    def keep(self, owned: np.ndarray) -> None:
        """Evict what is not among the owned coordinates."""
        self.residency.evict(np.flatnonzero(self.resident & ~owned))

    def swap(self, swap: Swap, alpha: np.ndarray, h: np.ndarray) -> Process:
        """Forget the outgoing columns and ship the incoming ones, pipelined."""
        self.residency.evict(swap.outgoing)
        if swap.incoming.size and self.residency.needs_compaction(swap.incoming):
            yield from self._close_gaps()
        slots = self.residency.admit(swap.incoming)
        starts = self.residency.starts[slots] if self.arena.sparse else slots
        events: list[Event] = []
        for k, shipment in enumerate(self._shipments(swap.incoming, slots)):
            if k >= _AHEAD:  # as much as keeps the queues busy: more would only be in their way
                yield events[k - _AHEAD]
            part = shipment.part
            ids = swap.incoming[part]
            labels = self._labels(ids, slots[part], starts[part], alpha, h)
            events.append(self._ship(ids, shipment, labels, events))
        self.elements = self.residency.used_elements
        yield from self._reorder(self.residency.slots)
        if events:
            yield events[-1]

    def push(self, w: np.ndarray, alpha: np.ndarray | None) -> Process:
        """Send w, and the residents' alpha where it is given."""
        ids, slots = self.placement

        def write() -> None:
            self.sent[:] = w
            self._pushed["w"].array[:] = self.sent
            if alpha is not None:
                self._pushed["alpha"].array[slots] = alpha[ids]

        written = self._host.run("push", write, w.size, "exchange")
        for name in ("w",) if alpha is None else ("w", "alpha"):
            source, after = self._pushed[name], [written]
            copied = self.device.copy(self._local(name), source, after=after, category="exchange")
            yield self.watch(copied)

    def pull(self) -> Process:
        """Bring back w, and alpha and gap of every slot."""
        events = [
            self.watch(self.device.copy(self._pulled[name], self._local(name), category="exchange"))
            for name in _PULLED
        ]
        yield events[-1]

    def _shipments(self, ids: np.ndarray, slots: np.ndarray) -> list[_Shipment]:
        """Cut the incoming columns into shipments that fit a staging area.

        All at once: NumPy lets go of the interpreter, which others hold once commands run.
        """
        cuts: list[int] = []
        elements = np.concatenate([[0], np.cumsum(self._host.lens[ids])])
        ends = elements * self.element_bytes + np.arange(elements.size) * self._label_bytes
        room = self.arena.staging_bytes - _PADDING_BYTES
        first = 0
        while first < ids.size:
            fits = int(np.searchsorted(ends, ends[first] + room, side="right")) - 1
            cuts.append(first)
            first = max(fits, first + 1)
        if not cuts:
            return []
        sources = _within(ids, cuts, self._host.lens.size)
        # Extents of sparse columns are appended one behind the other.
        targets = [0.0] * len(cuts) if self.arena.sparse else _within(slots, cuts, self.arena.slots)
        bounds = pairwise([*cuts, ids.size])
        return [
            _Shipment(slice(cut, end), int(elements[end] - elements[cut]), source, target)
            for (cut, end), source, target in zip(bounds, sources, targets, strict=True)
        ]

    def _ship(
        self,
        ids: np.ndarray,
        shipment: _Shipment,
        labels: Callable[[dict[str, Buffer]], None],
        sent: list[Event],
    ) -> Event:
        """Pack, send and unpack one shipment, through one staging area after the other."""
        elements = shipment.elements
        area = len(sent) % STAGING_AREAS
        layout = self.arena.shipment_sections(ids.size, elements)
        nbytes = layout.pop("end")[0]
        packing = self._sections(self._packing[area], layout)
        staging = self._sections(self._staging[area], layout)
        amount = move_work(
            ids.size, elements, self.element_bytes, self._label_bytes, self._host.real
        )
        free = sent[-STAGING_AREAS:][:1] if len(sent) >= STAGING_AREAS else []
        label = partial(labels, packing)
        packed = self.watch(
            self._host.pack(ids, packing, label, amount, shipment.source_share, free)
        )
        moved = self.watch(
            self.device.copy(
                self._staging[area].section(0, nbytes),
                self._packing[area].section(0, nbytes),
                after=[packed],
                category="swap",
            )
        )
        names = ("slots", "params", "starts", "lens", "values", "indices")
        args = (*(staging[name] for name in names if name in staging), *self.columns)
        args += tuple(self.state[name] for name in STATE[:-1])
        held = self.residency.used_elements * self.element_bytes
        whole = self.arena.elements * self.element_bytes
        reach = amount.bytes_read if self.arena.sparse else shipment.target_share * whole
        amount = reading(amount, self.reads, held, reach)
        return self.watch(
            self.device.launch(self._unpack, args, amount, after=[moved], category="swap")
        )

    def _sections(self, area: Buffer, layout: dict[str, tuple[int, int]]) -> dict[str, Buffer]:
        return {
            name: area.section(offset, count, _SECTION_TYPES.get(name, self.real))
            for name, (offset, count) in layout.items()
        }

    def _labels(
        self,
        ids: np.ndarray,
        slots: np.ndarray,
        starts: np.ndarray,
        alpha: np.ndarray,
        h: np.ndarray,
    ) -> Callable[[dict[str, Buffer]], None]:
        """Return what writes all of a shipment but the columns."""
        problem = self.problem

        def write(sections: dict[str, Buffer]) -> None:
            sections["slots"].array[:] = slots
            params = sections["params"].array.reshape(-1, 4)
            for k, values in enumerate((alpha, h, problem.p, problem.q)):
                params[:, k] = values[ids]
            if "lens" in sections:
                sections["starts"].array[:] = starts
                sections["lens"].array[:] = self._host.lens[ids]

        return write

    def _reorder(self, slots: np.ndarray) -> Process:
        """Tell the device which slots are occupied, if that has changed."""
        self.count = slots.size
        if slots.size == self._ordered.size and np.array_equal(slots, self._ordered):
            return
        self._ordered = slots
        yield from self._send_order(slots)

    def _send_order(self, slots: np.ndarray) -> Process:
        def write() -> None:
            self._order.array[: slots.size] = slots

        written = self._host.run("order", write, slots.size, "swap")
        yield self.watch(
            self.device.copy(
                self.order.section(0, slots.size),
                self._order.section(0, slots.size),
                after=[written],
                category="swap",
            )
        )

    def _close_gaps(self) -> Process:
        """Compact the log of extents, here and on the device."""
        order = self.residency.compact()
        yield from self._send_order(order)
        self._ordered = np.empty(0, np.int32)
        yield self._launch_compact(order.size)

    def _launch_compact(self, count: int) -> Event:
        assert self._compact is not None
        args = (*self.columns, self.order.section(0, count))
        elements = self.residency.used_elements if count else 0
        amount = move_work(count, elements, self.element_bytes, 16, self._host.real)
        amount = reading(amount, self.reads, elements * self.element_bytes)
        return self.watch(self.device.launch(self._compact, args, amount, category="swap"))
