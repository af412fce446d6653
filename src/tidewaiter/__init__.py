"""Proves which container image runs, who brought it in and what it did, and raises one alert when it misbehaves."""

__version__ = "0.1.0"
