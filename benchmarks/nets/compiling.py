"""How long the kernels of a net's step take to compile where no cache has them.

    python -m benchmarks.nets.compiling

Two processes one after the other, with a cache of their own: the first compiles, the second finds
everything compiled. Each places ResNet20 on the NumPy backend in float32 and trains one step; the
difference is what a new installation pays once. About a minute; needs PyTorch, as the step does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

_BATCH = 32


def prepare() -> float:
    """Return the seconds until one step is done, imports not counted."""
    from benchmarks.nets.step import our_step

    begun = time.perf_counter()
    step, _, lab = our_step(_BATCH, 1)
    try:
        step()
    finally:
        lab.close()
    return time.perf_counter() - begun


def in_a_process(cache: str) -> float:
    """Return what `prepare` takes in a new process with this folder as its cache."""
    words = [sys.executable, "-m", "benchmarks.nets.compiling", "--child"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    told = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return float(told.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--child", action="store_true", help="measure in this process")
    if parser.parse_args().child:
        print(prepare())
        return
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (in_a_process(cache) for _ in range(2))
    print(f"ResNet20, float32, first step: {cold:.1f} s with an empty cache, {warm:.1f} s later")


if __name__ == "__main__":
    main()
