"""Holds what is done with alerts after they came out: explaining one, tuning from false ones, scoring."""
