"""The selection policies: what each proposes, and what it must never do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetengine.errors import UsageError
from hetengine.solvers.arena import Arena
from hetengine.solvers.config import SELECTIONS, DuhlConfig
from hetengine.solvers.selection import (
    All,
    Gap,
    Host,
    Importance,
    Random,
    Rotating,
    Selection,
    Sequential,
    Swap,
    View,
    make_selection,
)


class Memory:
    """A view one can play with; coordinates are named by number."""

    def __init__(self, lens, slots: int, elements: int, **sets: list[int]) -> None:
        self.lens = np.asarray(lens, np.int64)
        self.n = self.lens.size
        self.arena = Arena(True, slots, elements, 256, 8)
        self.gaps = np.ones(self.n)
        self.weights = np.ones(self.n)
        self.resident = self.mask(sets.get("resident", []))
        self.protected = self.mask(sets.get("protected", []))
        self.settled = self.mask(sets.get("settled", []))
        self.pinned = self.mask(sets.get("pinned", []))
        self.owned = self.mask(sets.get("owned", list(range(self.n))))

    def mask(self, ids: list[int]) -> np.ndarray:
        mask = np.zeros(self.n, bool)
        mask[ids] = True
        return mask

    @property
    def view(self) -> View:
        return View(
            gaps=self.gaps,
            lens=self.lens,
            weights=self.weights,
            owned=self.owned,
            resident=self.resident.copy(),
            protected=self.protected | self.pinned,
            settled=self.settled,
            pinned=self.pinned,
            free_slots=self.arena.slots - int(self.resident.sum()),
            free_elements=self.arena.elements - int(self.lens[self.resident].sum()),
            arena=self.arena,
        )

    def step(self, policy: Selection) -> Swap:
        """Let a policy choose, check that its swap is possible, and carry it out."""
        swap = policy.choose(self.view)
        assert self.resident[swap.outgoing].all()
        assert not self.resident[swap.incoming].any()
        assert self.owned[swap.incoming].all()
        assert np.unique(swap.incoming).size == swap.incoming.size
        self.resident[swap.outgoing] = False
        self.resident[swap.incoming] = True
        assert self.resident.sum() <= self.arena.slots
        assert self.lens[self.resident].sum() <= self.arena.elements
        return swap

    def ids(self) -> list[int]:
        return np.flatnonzero(self.resident).tolist()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def greedy() -> Gap:
    """Everything that fits, at once."""
    return Gap(coverage=1.0, growth=0.0, first_share=1.0)


@st.composite
def memories(draw) -> Memory:
    n = draw(st.integers(1, 16))
    lens = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    slots = draw(st.integers(1, n))
    elements = draw(st.integers(max(1, *lens), max(1, sum(lens))))
    memory = Memory(lens, slots, elements)
    generator = rng(draw(st.integers(0, 1 << 32)))
    memory.gaps = generator.choice([0.0, 0.1, 1.0, 5.0], n) * generator.random(n)
    memory.weights = generator.choice([0.0, 1.0, 3.0], n)
    memory.protected = generator.random(n) < 0.3
    memory.settled = generator.random(n) < 0.2
    memory.owned = generator.random(n) < 0.8
    if draw(st.booleans()):
        i = int(generator.integers(n))
        memory.owned[i] = memory.pinned[i] = True
        memory.settled[i] = False
    return memory


@settings(max_examples=150)
@given(memories(), st.sampled_from(["gap", "sequential", "random", "importance"]), st.booleans())
def test_every_swap_fits_and_keeps_what_is_pinned(memory: Memory, name: str, dry: bool) -> None:
    policy = make_selection(DuhlConfig(selection=name), rng())
    if dry:
        policy = Rotating(policy, 0.4, rng())
    for turn in range(6):
        memory.step(policy)
        assert memory.resident[memory.pinned].all()
        memory.gaps = np.roll(memory.gaps, turn)


def test_gap_takes_the_largest_gaps_per_element() -> None:
    memory = Memory([4, 1, 2, 1, 1], slots=5, elements=5)
    memory.gaps = np.array([8.0, 1.0, 6.0, 0.5, 3.0])
    # Scores 2, 1, 3, 0.5, 3: the third and fifth go first; the first no longer fits, and nothing
    # behind it may jump the queue.
    assert sorted(memory.step(greedy()).incoming) == [2, 4]


def test_gap_evicts_the_smallest_scores_first_and_only_for_larger_ones() -> None:
    memory = Memory([1] * 6, slots=3, elements=3, resident=[0, 1, 2])
    memory.gaps = np.array([0.0, 3.0, 1.0, 2.0, 0.9, 0.5])
    swap = memory.step(greedy())
    # 3 (gap 2) displaces 0 (gap 0); 4 (gap 0.9) would have to displace 2 (gap 1).
    assert swap.incoming.tolist() == [3]
    assert swap.outgoing.tolist() == [0]


def test_gap_never_evicts_a_moving_coordinate() -> None:
    memory = Memory([1] * 6, slots=3, elements=3, resident=[0, 1, 2], protected=[0, 1, 2])
    memory.gaps = np.array([1.0, 1.0, 1.0, 0.9, 0.8, 0.7])
    assert memory.step(greedy()).incoming.size == 0
    memory.protected[1] = False
    memory.gaps[1] = 0.85
    assert memory.step(greedy()).outgoing.tolist() == [1]


def test_moving_coordinates_take_turns_once_they_overflow() -> None:
    memory = Memory(
        [1] * 8, slots=3, elements=3, resident=[0, 1, 7], protected=list(range(8)), pinned=[7]
    )
    memory.gaps = np.array([0.1, 0.2, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0])
    swap = memory.step(greedy())
    assert swap.outgoing.tolist() == [0, 1]
    assert swap.incoming.tolist() == [2, 3]
    assert memory.resident[7]


def test_gap_leaves_out_what_is_settled_foreign_or_solved() -> None:
    memory = Memory([1] * 6, slots=6, elements=6, settled=[0], owned=[0, 1, 2, 3, 4])
    memory.gaps[3] = 0.0
    assert memory.step(greedy()).incoming.tolist() == [1, 2, 4]


def test_gap_brings_in_no_more_than_the_coverage_asks() -> None:
    memory = Memory([1] * 10, slots=10, elements=10)
    memory.gaps = np.array([50.0, 30.0, 15.0] + [0.5] * 7)
    swap = memory.step(Gap(coverage=0.9, growth=0.0, first_share=1.0))
    assert swap.incoming.tolist() == [0, 1, 2]
    assert memory.step(Gap(0.5, 0.0, 1.0)).incoming.size == 4


def test_gap_grows_with_what_moves() -> None:
    memory = Memory([1] * 100, slots=100, elements=100)
    policy = Gap(coverage=1.0, growth=1.0, first_share=0.1)
    assert memory.step(policy).incoming.size == 10
    assert memory.step(policy).incoming.size == 10
    memory.protected[:15] = True
    assert memory.step(policy).incoming.size == 15
    memory.gaps[:] = 1e-3
    assert memory.step(Gap(1.0, 0.0, 1e-9)).incoming.size == 1


def test_a_pinned_column_comes_first_and_stays() -> None:
    memory = Memory([1, 1, 5], slots=3, elements=6, pinned=[2])
    memory.gaps = np.array([3.0, 2.0, 0.0])
    policy = Gap(0.9, 1.0, 0.1)
    assert memory.step(policy).incoming[0] == 2
    for _ in range(3):
        memory.step(policy)
        assert memory.resident[2]


@pytest.mark.parametrize("pinned", [[], [4]])
@pytest.mark.parametrize(("n", "slots"), [(10, 5), (10, 3), (11, 5), (7, 7), (12, 2)])
def test_sequential_covers_everything(n: int, slots: int, pinned: list[int]) -> None:
    memory = Memory([2] * n, slots=slots, elements=2 * slots, pinned=pinned)
    policy = Sequential(rng())
    seen: set[int] = set()
    turns = -(-n // (slots - len(pinned)))
    for _ in range(turns):
        memory.step(policy)
        seen |= set(memory.ids())
    assert seen == set(range(n))


def test_sequential_repeats_its_blocks_where_they_divide() -> None:
    memory = Memory([1] * 9, slots=3, elements=3)
    policy, blocks = Sequential(rng(1)), []
    for _ in range(6):
        memory.step(policy)
        blocks.append(memory.ids())
    assert blocks[:3] == blocks[3:]
    assert sorted(itertools.chain(*blocks[:3])) == list(range(9))


@pytest.mark.parametrize("kind", [Random, Importance, Sequential])
def test_drawn_blocks_follow_the_seed(kind: type) -> None:
    def blocks(seed: int) -> list[list[int]]:
        memory, policy, seen = Memory([1] * 40, slots=8, elements=8), kind(rng(seed)), []
        for _ in range(3):
            memory.step(policy)
            seen.append(memory.ids())
        return seen

    assert blocks(3) == blocks(3)
    assert blocks(3) != blocks(4)
    assert all(len(block) == 8 for block in blocks(3))


def test_importance_prefers_long_columns_but_leaves_none_out() -> None:
    memory = Memory([1] * 20, slots=5, elements=5)
    memory.weights = np.where(np.arange(20) < 10, 9.0, 1.0)
    memory.weights[19] = 0.0  # an empty column: its coordinate has an optimum all the same
    policy, seen = Importance(rng()), np.zeros(20)
    for _ in range(400):
        memory.step(policy)
        seen += memory.resident
    assert seen.min() > 0
    assert seen[:10].mean() > 2 * seen[10:].mean()


def test_all_brings_everything_once_or_refuses() -> None:
    memory = Memory([1, 2, 3], slots=3, elements=6)
    assert sorted(memory.step(All()).incoming) == [0, 1, 2]
    assert memory.step(All()).incoming.size == 0
    tight = Memory([1, 2, 3], slots=3, elements=5)
    with pytest.raises(UsageError, match=r"selection=all needs 3 columns resident, 2 fit"):
        tight.step(All())


def test_host_moves_nothing() -> None:
    swap = Host().choose(Memory([1], 1, 1).view)
    assert swap.incoming.size == swap.outgoing.size == 0
    assert Host.where == "host"


def test_rotating_fills_the_memory_then_replaces_its_share() -> None:
    memory = Memory([1] * 100, slots=50, elements=50)
    policy = Rotating(Gap(0.9, 1.0, 0.1), 0.2, rng())
    assert (policy.name, policy.uses_gaps, policy.where) == ("gap", True, "accelerator")
    assert memory.step(policy).incoming.size == 50
    seen = set(memory.ids())
    for _ in range(5):
        assert memory.step(policy).incoming.size == 10
        seen |= set(memory.ids())
    assert seen == set(range(100))


@pytest.mark.parametrize("name", [name for name in SELECTIONS if name != "auto"])
def test_each_name_makes_its_policy(name: str) -> None:
    policy = make_selection(DuhlConfig(selection=name), rng())
    assert policy.name == name
    assert policy.uses_gaps == (name == "gap")
