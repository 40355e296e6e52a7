"""The two block solvers on a real device: same steps, same optimum, and how one is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.problems import Kind
from hetengine.testing import EpochBench, opened_lab
from hetengine.testing.bench import SEED, SENTINEL, SIGMA, L, close_to, small_problem
from hetengine.testing.reference import Terms, make_columns, make_terms, plain_epoch, shuffled
from hetengine.topology import DeviceSpec
from hetengine_kernels import program_source, signatures
from hetengine_opencl import OpenClBackend
from hetengine_opencl.device import OpenClDevice

SPEC = DeviceSpec("card", backend="opencl")


def opened(**options: str | int | float):
    return opened_lab(replace(SPEC, options=options), OpenClBackend().open)


def bench_of(lab, kind: Kind, layout: str = "dense", n: int = 80, d: int = 200):
    columns = make_columns(n, d, layout, np.float32, seed=3)
    problem = small_problem(kind, columns)
    start = (problem.initial_alpha(), L * columns.square_norms(), problem.p, problem.q)
    terms = Terms(*(each.astype(np.float32) for each in start))
    return problem, EpochBench(lab, columns, terms, problem.w0.astype(np.float32))


def objective(problem, bench: EpochBench) -> float:
    alpha = bench.get("alpha").astype(np.float64)
    return problem.objective(alpha, problem.shared_vector(alpha))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (1, 7), (33, 17), (40, 1100)])
@pytest.mark.parametrize("work_group", [1, 16])
def test_tiles_take_the_steps_of_sequential_descent(
    kind: Kind, n: int, d: int, work_group: int
) -> None:
    columns = make_columns(n, d, "dense", np.float32)
    terms = make_terms(kind, columns, L)
    w = np.random.default_rng(2).normal(size=d).astype(np.float32)
    order = shuffled(np.arange(n, dtype=np.int32), SEED)
    expected = plain_epoch(kind, columns, terms, w, order, L, SIGMA)
    with opened(block_solver="tile", tile=8, work_group=work_group) as lab:
        bench = EpochBench(lab, columns, terms, w)
        met, moved = bench.epoch(kind, SEED)
        for name, want in (("alpha", expected.alpha), ("w", expected.w), ("gap", expected.gaps)):
            close_to(bench.get(name), want, "float32", 20)
    assert met == pytest.approx(expected.met, rel=1e-3, abs=1e-4)
    assert moved <= n * d


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("kind", list(Kind))
def test_asynchronous_descent_reaches_the_optimum_of_sequential_descent(
    kind: Kind, layout: str
) -> None:
    values = []
    for concurrency in (1, 4):
        options = {"block_solver": "async", "concurrency": concurrency, "work_group": 4}
        with opened(**options) as lab:
            problem, bench = bench_of(lab, kind, layout)
            for seed in range(60):
                bench.epoch(kind, seed, sigma=1.0)
                assert (bench.get("gap") != SENTINEL).all()
            values.append(objective(problem, bench))
    assert values[1] == pytest.approx(values[0], rel=1e-5, abs=1e-7)


def test_auto_lets_both_run_a_part_of_one_epoch_and_keeps_one() -> None:
    with opened(tile=4) as lab:
        assert isinstance(lab.device, OpenClDevice)
        problem, bench = bench_of(lab, Kind.HINGE)
        epoch = lab.device.load("dense_epoch")._recipe  # pyright: ignore
        assert epoch.choice == "auto"
        bench.epoch(Kind.HINGE, 1, sigma=1.0)
        assert (bench.get("gap") != SENTINEL).all()
        assert epoch.choice in ("async", "tile")
        for seed in range(2, 60):
            bench.epoch(Kind.HINGE, seed, sigma=1.0)
        auto = objective(problem, bench)
    with opened(block_solver="async") as lab:
        problem, bench = bench_of(lab, Kind.HINGE)
        for seed in range(1, 60):
            bench.epoch(Kind.HINGE, seed, sigma=1.0)
        assert objective(problem, bench) == pytest.approx(auto, rel=1e-5)


def test_tiles_are_refused_for_sparse_columns() -> None:
    with opened(block_solver="tile") as lab:
        _, bench = bench_of(lab, Kind.HINGE, "sparse", 5, 3)
        with pytest.raises(UsageError, match=r"needs dense columns.*auto or async"):
            bench.epoch(Kind.HINGE, 1)


@pytest.mark.parametrize("count", [1, 2, 5, 64, 257, 1000])
def test_the_parallel_order_visits_every_slot_once_and_differs_by_seed(count: int) -> None:
    with opened() as lab:
        assert isinstance(lab.device, OpenClDevice)
        run, real = lab.device._run, np.dtype(np.float32)
        images = []
        for seed in (0, 1, (1 << 62) - 1):
            image = lab.put(np.zeros(count, np.int32))
            run.launch("permutation", real, 1, image.array, count, seed)
            run.finish()
            images.append(lab.get(image))
            np.testing.assert_array_equal(np.sort(images[-1]), np.arange(count))
    if count > 64:
        assert not np.array_equal(images[0], images[1])
        assert np.abs(np.corrcoef(images[2], np.arange(count))[0, 1]) < 0.2


def test_compare_and_swap_adds_exactly_where_float_atomics_are_missing(monkeypatch) -> None:
    monkeypatch.setattr("hetengine_opencl.opening.source_options", lambda handle: ())
    with opened(block_solver="async", concurrency=4, work_group=4) as lab:
        problem, bench = bench_of(lab, Kind.SQUARED)
        for seed in range(3):
            bench.epoch(Kind.SQUARED, seed, sigma=1.0)
        alpha = bench.get("alpha").astype(np.float64)
        drift = bench.get("w") - problem.shared_vector(alpha)
    assert np.abs(drift).max() < 1e-4


def test_the_probe_programs_and_signatures_belong_together() -> None:
    for program in ("common", "dense", "tile", "sparse"):
        text = program_source(program)
        for name in signatures(program):
            assert f"KERNEL void {name}(" in text
