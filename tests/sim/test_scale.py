"""Data and machines that do not exist here, answered in seconds (the limit is far above that)."""

from __future__ import annotations

import time

import pytest

from hetengine.api import compose
from hetengine.engine.linear import run
from hetengine.record.recorder import Recorder

LIMIT_SECONDS = 60.0
CASES = {
    # Dünner et al. 2017: 30 GB, a card that holds 8 of them.
    "paper": (["topology=xeon_m4000", "data.rows=200000", "data.columns=40000"], 32e9, 8.6e9),
    "terabyte": (
        ["topology=xeon_h200_nvme", "data.rows=1000000", "data.columns=250000", "problem=lasso"],
        1e12,
        1.41e11,
    ),
    "sixteen": (
        ["topology=dgx_16", "data.rows=1000000", "data.columns=80000", "problem=lasso"],
        3.2e11,
        16 * 3.44e10,
    ),
    "fpga": (["topology=xeon_u280", "data.rows=200000", "data.columns=40000"], 32e9, 8.6e9),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_dry_run_answers_in_seconds(case: str) -> None:
    words, nbytes, memory = CASES[case]
    more = ["data=shape", "mode=dry", "progress=none", "max_rounds=5"]
    recorder = Recorder()
    begun = time.process_time()
    result = run(compose([*words, *more]), recorder)
    assert time.process_time() - begun < LIMIT_SECONDS
    assert (result.status, result.rounds) == ("max_rounds", 5)
    assert result.summary["data"]["nbytes"] == nbytes
    sent = result.summary["bytes_host_to_device"]
    assert 0.5 * min(memory, nbytes) < sent < 2.0 * min(memory, nbytes)
    rate = {"terabyte": 2.6e10, "sixteen": 8 * 1.236e10}.get(case, 1.236e10)
    assert result.seconds > sent / rate
