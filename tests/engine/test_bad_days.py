"""The experiments with a straggler and with a card that fails and returns, simulated and real."""

from __future__ import annotations

import pytest

from hetengine.api import compose
from hetengine.engine import linear
from hetengine.record.recorder import Recorder
from hetengine.result import Result


def trained(*words: str) -> tuple[Result, Recorder]:
    recorder = Recorder()
    return linear.run(compose([*words, "progress=none"]), recorder), recorder


def seconds_of(recorder: Recorder, device: str, label: str) -> list[float]:
    """Times of the first commands of a name; the last one may not have ended with the run."""
    return [
        span.end_seconds - span.start_seconds
        for span in recorder.spans
        if (span.device, span.label) == (device, label)
    ][:10]


def test_a_straggler_takes_its_time_with_kernels_and_copies() -> None:
    words = ("experiment=straggler", "tol=1e-2", "solver.refresh=0.2")
    slow, recorder = trained(*words)
    whole, usual = trained(*words, "topology.devices.card1.events=[]")
    assert slow.converged
    assert slow.rounds == whole.rounds
    assert slow.objective == whole.objective
    assert slow.seconds > 1.5 * whole.seconds
    # Copies that go both ways at once share the bus, and who meets whom is not the same.
    for label, rounding in (("sparse_epoch", 1e-9), ("w", 0.05)):
        for card, factor in (("card0", 1.0), ("card1", 4.0)):
            expected = [factor * each for each in seconds_of(usual, card, label)]
            assert len(expected) == 10
            assert seconds_of(recorder, card, label) == pytest.approx(expected, rel=rounding)


def test_a_straggler_for_real_ends_at_the_same_model() -> None:
    words = ("experiment=straggler", "tol=1e-2", "solver.refresh=0.2")
    (real, _), (simulated, _) = trained(*words, "mode=execute"), trained(*words)
    assert real.converged
    assert (real.rounds, real.objective) == (simulated.rounds, simulated.objective)


def test_a_card_that_fails_is_done_without_and_taken_back() -> None:
    result, _ = trained("experiment=failing_card")
    lost, back = [m for m in result.summary["messages"] if "card0" in m]
    assert result.converged
    assert "card0: failed at 0.005 s" in lost
    assert back.endswith("card0 is back, with an empty memory")


def test_a_card_that_computes_for_real_fails_in_virtual_time() -> None:
    result, _ = trained("experiment=failing_card", "tol=1e-2", "topology.devices.card0.real=true")
    assert result.converged
    assert any("card0: failed at 0.005 s" in message for message in result.summary["messages"])
    devices = result.summary["devices"]
    assert [devices[name]["time"] for name in ("card0", "card1")] == ["real", "modelled"]
