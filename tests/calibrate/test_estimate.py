"""Samples to numbers: what a few hand-made commands must come to."""

from __future__ import annotations

import pytest

from hetengine.calibrate.estimate import copy_cost, dispatch, kernel_cost, typical, with_pauses
from hetengine.calibrate.harvest import Harvest, Samples
from hetengine.calibrate.measure import kernel_table, peaks
from hetengine.span import Span
from hetengine.work import Work


def span(
    label: str,
    start: float,
    end: float,
    issued: float,
    issue: float,
    device: str = "host",
    variant: str = "",
) -> Span:
    work = Work(flops=20.0, bytes_read=80.0, items=10, variant=variant)
    return Span(device, "compute", label, "solve", start, end, work, "", issued, issue)


def samples(spike: float = 1.0) -> Samples:
    found = Samples()
    for k in range(1, 41):
        found.works.append(Work(flops=2.0 * k, bytes_read=8.0 * k, items=k))
        found.seconds.append(1e-6 + 1e-7 * k)
        found.issue_seconds.append(2e-5 + 1e-8 * k)
        found.reuse_bytes.append(0.0)
    found.seconds[20] *= spike
    return found


def test_a_kernel_is_fitted_and_its_spike_kept_and_marked() -> None:
    for spike, outliers in ((1.0, 0), (500.0, 1)):
        cost = kernel_cost(samples(spike))
        assert (cost.samples, cost.outliers) == (40, outliers)
        assert cost.spread < 1e-3
        assert cost.interval == pytest.approx([1.0, 1.0], rel=1e-2)
        assert cost.upper["items"] == 40.0
        assert len(cost.history) > 5
        assert cost.issue_seconds == pytest.approx(2e-5, rel=0.02)
        assert cost.issue_item_seconds == pytest.approx(1e-8, rel=0.2)


def test_variants_together_have_no_classes() -> None:
    assert kernel_cost(samples(), history=False).history == []


def test_what_lies_between_commands_is_read_off_the_times() -> None:
    spans = [
        span("a", 1.0007, 2.0, issued=1.0, issue=0.0001),  # starts 0.7 ms after it was issued
        span("b", 2.0010, 3.0, issued=2.0005, issue=0.0003),  # heard 0.2 ms after a's end
        span("c", 3.0004, 4.0, issued=2.0008, issue=0.0003),  # 0.4 ms behind b on its queue
        span("d", 4.0009, 5.0, issued=2.0010, issue=0.0002, device="card"),  # after c
    ]
    harvest = Harvest()
    harvest.add(spans, "host")
    times, _ = dispatch(harvest, "host")
    assert times.notify_seconds == pytest.approx(0.0002)
    assert times.start_seconds == pytest.approx(0.0007)  # during b's, another was handed over
    assert times.next_seconds == pytest.approx(0.0004)
    assert dispatch(harvest, "card")[0].relay_seconds == pytest.approx(0.0009)


def test_where_only_the_host_runs_the_program_runs_its_commands_itself() -> None:
    spans = [
        span("a", 1.0004, 2.0, issued=1.0, issue=0.0001),
        span("b", 2.0010, 3.0, issued=2.0008, issue=0.0003),  # heard after 0.5 ms, begun after 0.2
        span("c", 3.0003, 4.0, issued=2.0009, issue=0.0001),  # kept until b had run
    ]
    harvest = Harvest()
    harvest.add(spans, "host")
    times, _ = dispatch(harvest, "host")
    assert times.inline_seconds == pytest.approx(0.0005)
    assert times.notify_seconds == times.start_seconds == times.next_seconds == 0.0


def test_transfers_give_latency_and_rate() -> None:
    found = Samples()
    for nbytes in (256, 4096, 65_536, 10**6, 10**7):
        found.works.append(Work(bytes_read=nbytes, bytes_written=nbytes))
        found.seconds.append(1e-5 + nbytes / 1e10)
    latency, rate, fitted = copy_cost(found)
    assert latency == pytest.approx(1e-5, rel=1e-3)
    assert rate == pytest.approx(1e10, rel=1e-3)
    assert not fitted.outliers.any()


def test_every_variant_and_the_kernel_itself_have_an_entry_and_python_is_no_roofline() -> None:
    harvest = Harvest()
    harvest.add(
        [
            span("epoch", 0.0, 1e-3, 0.0, 1e-5, variant="float32/hinge"),
            span("epoch", 1.0, 1.0 + 2e-3, 1.0, 1e-5, variant="float32/logistic"),
            span("select", 2.0, 2.0 + 1e-9, 2.0, 1e-5, variant="python/gap"),
            span("epoch", 3.0, 3.1, 3.0, 1e-5, device="card"),
        ],
        "host",
    )
    table = kernel_table(harvest, "host")
    assert set(table) == {
        "epoch",
        "epoch/float32/hinge",
        "epoch/float32/logistic",
        "select",
        "select/python/gap",
    }
    bandwidth, flops = peaks(table)
    assert bandwidth == pytest.approx(80.0 / 1e-3, rel=1e-3)
    assert flops == pytest.approx(20.0 / 1e-3, rel=1e-3)


def test_typical_leaves_spikes_out_but_not_the_interpreters_pauses() -> None:
    middle, half = typical([1e-5] * 98 + [2e-3, 0.5])
    assert middle == pytest.approx((98 * 1e-5 + 2e-3) / 99)
    assert half > 0.0


def test_late_wakes_count_and_the_longest_in_a_thousand_do_not() -> None:
    assert with_pauses([1e-5] * 1997 + [2e-3, 5e-3, 5e-3])[0] == pytest.approx(
        (1997 * 1e-5 + 2e-3) / 1998
    )
    assert with_pauses([2.0, 4.0]) == (3.0, pytest.approx(1.96 / 2**0.5))
