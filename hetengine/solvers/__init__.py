"""Solvers: generator programs against devices and a clock, and the policies they use."""
