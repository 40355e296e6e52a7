"""Benchmarks of nets: speed of a step, and biased local SGD against its baselines."""
