"""Measure a machine into a topology file, and say how far such a file can be trusted."""
