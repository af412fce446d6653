"""Holds the benchmark: a generator of telemetry with a known truth, and the runs that are timed against each other."""
