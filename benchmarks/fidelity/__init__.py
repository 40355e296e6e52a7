"""How well simulation predicts this machine: real runs against their simulation.

    python -m benchmarks.fidelity

calibrates, runs a fixed suite several times for real and once simulated, prints a table and writes
it to ``benchmarks/results/fidelity.{md,json}``. The machine should have nothing else to do.
"""
