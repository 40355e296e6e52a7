"""The FPGA model: what a launch costs, what fits, and how close it comes to published timings."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from hetengine.api import compose
from hetengine.clock import VirtualClock
from hetengine.engine.linear import run
from hetengine.errors import DataError, DeviceFailure, OutOfCapacity, UsageError
from hetengine.fpga import Design, Fpga, Resources, Unit
from hetengine.incidents import Incident
from hetengine.record.recorder import Recorder
from hetengine.sim import FluidNetwork
from hetengine.sim.fpga import FpgaCost, bank_rate, lines_of
from hetengine.sim.fpga_device import SimulatedFpga
from hetengine.sim.fpga_fit import PipelineFit, fit_pipeline, fit_scaling
from hetengine.span import Span
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.work import Work
from tests.sim.pipearch import BOARDS, EPOCHS, FEATURES, LINE_BYTES, SAMPLES

ENDS = ("host", "card")
SLR = Resources(lut=1000, ff=2000, dsp=100, bram=50, uram=10)


def fpga(**options: Any) -> Fpga:
    unit = Unit(["dense_epoch"], {"slr0": 1}, Resources(lut=300, dsp=20), item_cycles=10, depth=100)
    mover = Unit(["dense_unpack", "sparse_*"], {"slr0": 1}, Resources(lut=100))
    settings: dict[str, Any] = {"reconfigure_seconds": 2.0, "utilisation": 0.8} | options
    designs = {"train": Design({"dense": unit}), "move": Design({"mover": mover}, clock_hz=2e8)}
    return Fpga(1e8, 4, 6.4e9, {"slr0": SLR, "slr1": SLR}, designs, **settings)


def card(described: Fpga) -> FpgaCost:
    return FpgaCost(DeviceSpec("card", launch_seconds=0.5, fpga=described))


def test_a_launch_pays_cycles_per_item_and_per_line_and_the_depth_once() -> None:
    cost = card(fpga())
    # 1000 items of 100 bytes: two lines each, so 12 cycles an item at 100 MHz.
    seconds = cost.seconds(cost.spec, Work(bytes_read=100_000, items=1000), "dense_epoch")
    assert seconds == pytest.approx(0.5 + (1000 * 12 + 100) / 1e8)


def test_memory_bounds_what_the_pipeline_could_take() -> None:
    slow = fpga()
    slow.bank_bytes_per_second = 6.4e8  # a tenth of what the port would take
    cost = card(slow)
    work = Work(bytes_read=6.4e7, items=1)
    assert cost.seconds(cost.spec, work, "dense_epoch") == pytest.approx(0.5 + 0.1 + 1e-6)


def test_drains_come_once_a_minibatch() -> None:
    described = fpga()
    unit = described.designs["train"].units["dense"]
    unit.minibatch, unit.minibatch_seconds = 32, 1e-6
    cost, work = card(described), Work(bytes_read=64 * 320, items=320)
    plain = card(fpga())
    more = cost.seconds(cost.spec, work, "dense_epoch")
    assert more - plain.seconds(plain.spec, work, "dense_epoch") == pytest.approx(10e-6)


def opened(described: Fpga, *events: Incident) -> tuple[VirtualClock, SimulatedFpga, list[Span]]:
    """A card alone, whose launches take half a second."""
    clock, spans = VirtualClock(), []
    spec = DeviceSpec("card", launch_seconds=0.5, fpga=described, events=events)
    cost = FpgaCost(spec)
    names = ("dense_epoch", "dense_unpack", "sparse_unpack")
    topology = Topology("t", (DeviceSpec("host", "host"), spec), (LinkSpec("l", ENDS, 1.0, 1.0),))
    device = SimulatedFpga(
        *(spec, clock, dict.fromkeys(names, int), FluidNetwork(clock), topology),
        *(spans.append, cost),
        fpga=cost,
    )
    device.start()
    return clock, device, spans


def told(spans: list[Span]) -> list[tuple[str, str, float, float]]:
    return [
        (s.label, s.category, round(s.start_seconds, 4), round(s.end_seconds, 4)) for s in spans
    ]


def test_another_design_is_loaded_first_and_then_stays() -> None:
    clock, device, spans = opened(fpga())
    for name in ("dense_epoch", "dense_unpack", "sparse_unpack", "dense_epoch"):
        last = device.launch(device.load(name), (), Work())
    clock.run(until=last)
    assert told(spans) == [
        ("dense_epoch", "compute", 0.0, 0.5),
        ("load move", "reconfigure", 0.5, 2.5),
        ("dense_unpack", "compute", 2.5, 3.0),
        ("sparse_unpack", "compute", 3.0, 3.5),
        ("load train", "reconfigure", 3.5, 5.5),
        ("dense_epoch", "compute", 5.5, 6.0),
    ]
    assert device.cost.used == {"fpga": 4}


def test_a_design_may_load_faster_than_the_others() -> None:
    described = fpga()
    described.designs["move"].reconfigure_seconds = 0.25
    clock, device, spans = opened(described)
    clock.run(until=device.launch(device.load("dense_unpack"), (), Work()))
    assert told(spans)[0] == ("load move", "reconfigure", 0.0, 0.25)
    described.designs["move"].reconfigure_seconds = -1.0
    with pytest.raises(UsageError, match=r"designs\.move\.reconfigure_seconds=-1\.0 must be"):
        described.check("fpga")


def test_a_device_that_fails_has_lost_its_design() -> None:
    clock, device, spans = opened(fpga(), Incident("fail", 1.0, 4.0))
    lost = device.launch(device.load("dense_unpack"), (), Work())
    with pytest.raises(DeviceFailure, match="card: failed at 1 s"):
        clock.run(until=lost)
    clock.run(until=5.0)
    clock.run(until=device.launch(device.load("dense_unpack"), (), Work()))
    assert told(spans) == [
        ("load move", "reconfigure", 5.0, 7.0),
        ("dense_unpack", "compute", 7.0, 7.5),
    ]


def test_a_slow_device_is_loaded_slowly() -> None:
    clock, device, spans = opened(fpga(), Incident("slow", 0.0, None, 3.0))
    clock.run(until=0.5)
    clock.run(until=device.launch(device.load("dense_unpack"), (), Work()))
    assert told(spans)[0] == ("load move", "reconfigure", 0.5, 6.5)


def test_loading_stands_in_the_phases_and_the_trace_of_a_run() -> None:
    config = compose(["topology=xeon_u280", "mode=dry", "data=shape", "data.rows=500", "tol=1e-3"])
    config = replace(config, max_rounds=2, memory_fraction=0.5, progress="none")
    described = config.topology.devices["accelerator"].fpga
    assert described is not None
    units = described.designs["descent"].units
    described.designs["moving"] = Design({"mover": units.pop("mover")})
    recorder = Recorder()
    run(config, recorder)
    loads = [span for span in recorder.spans if span.category == "reconfigure"]
    assert {span.label for span in loads} == {"load descent", "load moving"}
    assert recorder.phases()["reconfigure"] == pytest.approx(len(loads) * 1.0)


def test_a_kernel_without_a_unit_is_refused() -> None:
    cost = card(fpga())
    assert cost.serves("sparse_pack")
    assert not cost.serves("dense_gaps")
    with pytest.raises(UsageError, match=r"no unit of its designs \(train, move\) serves dense_ga"):
        cost.seconds(cost.spec, Work(), "dense_gaps")


def test_copies_share_the_banks_there_are() -> None:
    described = fpga(burst_efficiency=0.5)
    unit, design = described.designs["train"].units["dense"], described.designs["train"]
    rates = []
    for copies in (1, 2, 4, 8):
        unit.place = {"slr0": copies}
        rates.append(bank_rate(described, design, unit))
    assert rates == pytest.approx([3.2e9, 6.4e9, 12.8e9, 12.8e9])
    unit.ports, unit.banks, unit.place = 3, 1, {"slr0": 1}
    assert bank_rate(described, design, unit) == 3.2e9


def test_items_fill_whole_lines() -> None:
    assert lines_of(Work(bytes_read=65 * 10, items=10), 64) == 20
    assert lines_of(Work(bytes_read=640, bytes_written=1), 64) == 11
    assert lines_of(Work(), 64) == 0


def test_what_does_not_fit_is_refused_with_the_sum() -> None:
    described = fpga()
    unit = described.designs["train"].units["dense"]
    unit.place = {"slr0": 2, "slr1": 2}
    DeviceSpec("card", fpga=described)
    unit.place = {"slr0": 3, "slr1": 1}
    described.designs["train"].units["other"] = Unit(["x"], {"slr0": 1}, Resources(lut=50))
    with pytest.raises(
        OutOfCapacity,
        match=r"devices\.card\.fpga\.designs\.train does not fit slr0: dense 3 x 300 \+ "
        r"other 1 x 50 = 950 LUT, and 0\.8 of 1,000 are 800; place fewer copies there",
    ):
        DeviceSpec("card", fpga=described)


@pytest.mark.parametrize("resource", ["lut", "ff", "dsp", "bram", "uram"])
def test_every_resource_has_a_budget(resource: str) -> None:
    described = fpga()
    described.designs["move"].units["mover"].needs = Resources(**{resource: 10**6})
    with pytest.raises(OutOfCapacity, match=resource.upper()):
        described.check("fpga")


def test_a_unit_that_lies_nowhere_is_refused() -> None:
    described = fpga()
    unit = described.designs["train"].units["dense"]
    for place, message in (({}, "puts it nowhere"), ({"slr7": 1}, "did you mean 'slr1'|allowed")):
        unit.place = place
        with pytest.raises(UsageError, match=message):
            described.check("fpga")


def lines(features: int) -> int:
    return math.ceil(4 * features / LINE_BYTES)


def fit_of(name: str) -> PipelineFit:
    seconds = [each / (SAMPLES * EPOCHS) for each in BOARDS[name].sgd_seconds]
    return fit_pipeline([lines(features) for features in FEATURES], seconds)


def board(name: str) -> FpgaCost:
    """The board as a topology describes it, with the fitted constants."""
    published, fit = BOARDS[name], fit_of(name)
    item_cycles, interval = fit.cycles(published.clock_hz)
    unit = Unit(["sgd"], {"all": 1}, item_cycles=item_cycles, initiation_interval=interval, ports=2)
    described = Fpga(
        published.clock_hz,
        published.banks,
        LINE_BYTES / fit.line_seconds,
        {"all": Resources()},
        {"glm": Design({"sgd": unit})},
    )
    return FpgaCost(DeviceSpec(name, fpga=described))


def error(cost: FpgaCost, samples: int, features: int, seconds: float) -> float:
    work = Work(bytes_read=4.0 * features * samples, items=samples)
    return cost.seconds(cost.spec, work, "sgd") / seconds - 1.0


@pytest.mark.parametrize("name", list(BOARDS))
def test_published_timings_are_met_within_5_percent(name: str) -> None:
    cost = board(name)
    for features, seconds in zip(FEATURES, BOARDS[name].sgd_seconds, strict=True):
        assert abs(error(cost, SAMPLES * EPOCHS, features, seconds)) < 0.05


@pytest.mark.parametrize("name", list(BOARDS))
def test_data_sets_that_were_held_out_are_met_within_10_percent(name: str) -> None:
    cost = board(name)
    errors = {key: error(cost, *point) for key, point in BOARDS[name].held_out.items()}
    assert max(map(abs, errors.values())) < 0.10
    # What the fit itself gives: a change of the model shows here.
    expected = {"harp2": (-0.085, 0.063), "vu9p": (0.028, 0.074)}[name]
    assert tuple(errors.values()) == pytest.approx(expected, abs=0.001)


def test_a_plain_roofline_misses_narrow_data_by_three_quarters() -> None:
    for name in BOARDS:
        bare = board(name)
        assert bare.spec.fpga is not None
        bare.spec.fpga.designs["glm"].units["sgd"].item_cycles = 0.0
        assert error(bare, SAMPLES * EPOCHS, 32, BOARDS[name].sgd_seconds[0]) < -0.7


@pytest.mark.parametrize("name", list(BOARDS))
def test_engines_scale_as_published(name: str) -> None:
    published = BOARDS[name]
    loss = fit_scaling(list(published.scd_gigabytes), list(published.scd_gigabytes.values()))
    for rates, limit in ((published.scd_gigabytes, 0.05), (published.lasso_gigabytes, 0.10)):
        for copies, rate in rates.items():
            model = copies * rates[1] / (1.0 + loss * (copies - 1))
            assert abs(model / rate - 1.0) < limit


def test_copies_of_a_unit_scale_with_the_loss_of_the_device() -> None:
    described = fpga(scaling_loss=0.025)
    unit = described.designs["train"].units["dense"]
    seconds = []
    for copies in (1, 2):
        unit.place = {"slr0": copies}
        cost = card(replace(described))
        seconds.append(cost.seconds(cost.spec, Work(bytes_read=64e6, items=10**6), "dense_epoch"))
    assert (seconds[0] - 0.5) / (seconds[1] - 0.5) == pytest.approx(2 / 1.025, rel=1e-4)


def test_a_fit_needs_points_it_can_use() -> None:
    with pytest.raises(DataError, match="at least two points"):
        fit_pipeline([1], [1e-8])
    with pytest.raises(DataError, match="lacks the rate of 1"):
        fit_scaling([2, 4], [1.0, 2.0])
    assert min(fit_pipeline([1, 2, 3], [3e-8, 2e-8, 1e-8]).cycles(1e8)) >= 0.0
