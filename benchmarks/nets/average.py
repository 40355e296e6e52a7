"""How long it takes to average the parameters of several workers, checked to be finite.

The time is the program's: from handing the commands to the host until it hears that the average is
what the next round begins with. The goal is under 1 ms for ResNet20's 272,474 parameters and two
workers; about 10 seconds:

    python benchmarks/nets/average.py
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from hetengine.config import DeviceConfig, TopologyConfig
from hetengine.machine import Machine, open_machine
from hetengine.solvers.local_sgd.aggregation import Mixture
from hetengine.solvers.local_sgd.exchange import Stack, accept

REPEATS = 200
WARM_UP = 20


def measure(machine: Machine, parameters: int, workers: int) -> tuple[float, float]:
    """Return the median and the least time of one average, in seconds."""
    stack = Stack(machine.host, "parameters", workers, parameters, np.float32)
    rng = np.random.default_rng(0)
    for row in range(workers + 1):
        machine.clock.run(stack.put(row, rng.normal(size=parameters).astype(np.float32)))
    mixture = Mixture(0.0, dict.fromkeys(range(workers), 1.0 / workers))
    seconds: list[float] = []
    for _ in range(WARM_UP + REPEATS):
        begun = time.perf_counter()
        stack.blend(mixture)
        if not machine.clock.run(accept([stack])):
            raise ArithmeticError("an average of finite numbers came out as none")
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[WARM_UP:]), min(seconds[WARM_UP:])


def main() -> None:
    """Print one line per number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=int, default=272_474)
    parser.add_argument("--workers", type=int, nargs="*", default=[2, 10])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    host = DeviceConfig("host", threads=options.threads)
    machine = open_machine(
        TopologyConfig("host", {"host": host}).build(), "execute", lambda s: None
    )
    try:
        for workers in options.workers:
            median, least = measure(machine, options.parameters, workers)
            print(
                f"{options.parameters:,} parameters, {workers} workers, {options.threads} threads: "
                f"median {1e3 * median:.3f} ms, least {1e3 * least:.3f} ms"
            )
    finally:
        machine.close()


if __name__ == "__main__":
    main()
