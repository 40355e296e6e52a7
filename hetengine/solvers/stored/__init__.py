"""Data larger than the host's memory: disk, host and accelerator, each with its residency."""
